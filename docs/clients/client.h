// The command line of a client.
#pragma once

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "golden.h"
#include "picture.h"

// Finds objects in a picture, given a model and the side of its square, or checks a model on this machine.
template <class Detector>
int run_client(int count, char** words) {
  const bool checks = count == 3 && std::strcmp(words[1], "--check") == 0;
  if (!checks && count < 4) {
    std::fprintf(stderr, "usage: %s MODEL SIDE PICTURE.ppm [CONFIDENCE]\n       %s --check MODEL\n", words[0], words[0]);
    return 2;
  }
  try {
    if (checks) return check_golden<Detector>(words[2]);
    print_found<Detector>(words[1], std::stoi(words[2]), words[3], count > 4 ? std::stof(words[4]) : 0.25f);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
