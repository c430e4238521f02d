// What both C++ clients share: a picture, brought to the square that a model takes, and what was found in it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

struct Picture {
  int height = 0, width = 0;
  std::vector<uint8_t> pixels;  // RGB, row by row
};

// Binary PPM, so that no library is needed: `convert photo.jpg photo.ppm`.
inline Picture read_ppm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int most = 0;
  Picture picture;
  file >> kind >> picture.width >> picture.height >> most;
  file.get();
  if (!file || kind != "P6" || most != 255) throw std::runtime_error(path + ": expected a binary PPM file (P6)");
  picture.pixels.resize(3 * size_t(picture.height) * picture.width);
  file.read(reinterpret_cast<char*>(picture.pixels.data()), picture.pixels.size());
  if (!file) throw std::runtime_error(path + " ends too early");
  return picture;
}

// What the scale of a letterbox is: the picture just fits into the square.
inline float letterbox_scale(const Picture& picture, int side) {
  return std::min(side / float(picture.height), side / float(picture.width));
}

// The picture at the top left of a grey square. Each pixel is the mean of those it covers, or the nearest.
inline std::vector<uint8_t> letterbox(const Picture& picture, int side) {
  const float scale = letterbox_scale(picture, side);
  const int rows = std::lround(picture.height * scale), columns = std::lround(picture.width * scale);
  std::vector<uint8_t> square(3 * size_t(side) * side, 114);
  for (int y = 0; y < rows; ++y) {
    const int top = std::min(int(y / scale), picture.height - 1);
    const int bottom = std::clamp(int((y + 1) / scale), top + 1, picture.height);
    for (int x = 0; x < columns; ++x) {
      const int left = std::min(int(x / scale), picture.width - 1);
      const int right = std::clamp(int((x + 1) / scale), left + 1, picture.width);
      for (int channel = 0; channel < 3; ++channel) {
        int sum = 0;
        for (int row = top; row < bottom; ++row)
          for (int column = left; column < right; ++column)
            sum += picture.pixels[3 * (size_t(row) * picture.width + column) + channel];
        const int count = (bottom - top) * (right - left);
        square[3 * (size_t(y) * side + x) + channel] = (sum + count / 2) / count;
      }
    }
  }
  return square;
}

// What a model found in one image, best first: boxes of four edges each, scores, and labels, -1 for padding.
struct Found {
  std::vector<float> boxes, scores;
  std::vector<int32_t> labels;
};

// A line for each object. Boxes are of the square.
inline void print_objects(const Found& found, float scale) {
  for (size_t row = 0; row < found.labels.size() && found.labels[row] >= 0; ++row) {
    const float* box = &found.boxes[4 * row];
    std::printf("%d %.4f %.2f %.2f %.2f %.2f\n", found.labels[row], found.scores[row], box[0] / scale, box[1] / scale,
                box[2] / scale, box[3] / scale);
  }
}

template <class Detector>
void print_found(const std::string& model, int side, const std::string& path, float confidence) {
  const Picture picture = read_ppm(path);
  const float scale = letterbox_scale(picture, side);
  const float extent[] = {picture.height * scale, picture.width * scale};  // rows and columns that the picture takes
  Detector detector(model);
  print_objects(detector.detect(letterbox(picture, side), side, side, extent, confidence, 0.65f), scale);
}
