// Checks a model on this machine: golden.npz beside it has images and what the model found in them where it was made.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "picture.h"

// An array of NumPy, row by row.
struct Array {
  std::vector<size_t> shape;
  std::vector<char> bytes;

  template <typename T>
  std::vector<T> row(size_t index) const {  // of its first axis
    const size_t length = bytes.size() / shape.at(0);
    std::vector<T> values(length / sizeof(T));
    std::memcpy(values.data(), bytes.data() + index * length, length);
    return values;
  }

  template <typename T>
  T number() const {
    T value;
    if (bytes.size() != sizeof(value)) throw std::runtime_error("golden.npz: expected one number");
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }
};

// The arrays of an .npz file, by name. It is a zip archive, here always without compression.
class Archive {
 public:
  explicit Archive(const std::string& path) : path_(path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + " cannot be read: an earlier version made the export. Export it again");
    content_.assign(std::istreambuf_iterator<char>(file), {});
    size_t end = content_.size() < 22 ? 0 : content_.size() - 22;  // of the list of files
    while (end > 0 && number(end, 4) != 0x06054b50) --end;
    if (number(end, 4) != 0x06054b50) throw damaged();
    size_t place = number(end + 16, 4);
    for (size_t left = number(end + 10, 2); left > 0; --left) {
      if (number(place, 4) != 0x02014b50 || number(place + 10, 2) != 0) throw damaged();
      const size_t length = number(place + 28, 2), local = number(place + 42, 4);
      const size_t start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
      arrays_[part(place + 46, length)] = parsed(part(start, number(place + 20, 4)));
      place += 46 + length + number(place + 30, 2) + number(place + 32, 2);
    }
  }

  const Array& at(const std::string& name) const {
    const auto found = arrays_.find(name + ".npy");
    if (found == arrays_.end()) throw std::runtime_error(path_ + " has no " + name);
    return found->second;
  }

 private:
  std::runtime_error damaged() const { return std::runtime_error(path_ + " is damaged. Copy it again"); }

  std::string part(size_t start, size_t length) const {
    if (start > content_.size() || length > content_.size() - start) throw damaged();
    return content_.substr(start, length);
  }

  size_t number(size_t start, size_t bytes) const {  // little-endian
    const std::string text = part(start, bytes);
    size_t value = 0;
    for (size_t place = bytes; place-- > 0;) value = value << 8 | uint8_t(text[place]);
    return value;
  }

  // A file of NumPy: its version, the length of a header, the header, such as "{'descr': '<f4', 'fortran_order': False,
  // 'shape': (2, 100, 4), }", and the values.
  Array parsed(const std::string& file) const {
    if (file.size() < 10 || file.compare(0, 8, std::string("\x93NUMPY\x01\x00", 8)) != 0) throw damaged();
    const size_t start = 10 + uint8_t(file[8]) + 256 * uint8_t(file[9]);
    if (start > file.size()) throw damaged();
    const std::string header = file.substr(10, start - 10);
    Array array;
    size_t count = 1;
    for (size_t place = header.find('('); place < header.find(')');) {
      place = header.find_first_of("0123456789)", place);
      if (place == std::string::npos || header[place] == ')') break;
      array.shape.push_back(std::stoul(header.substr(place)));
      count *= array.shape.back();
      place = header.find_first_not_of("0123456789", place);
    }
    array.bytes.assign(file.begin() + start, file.end());
    const size_t width = header.find("|u1") != std::string::npos ? 1 : 4;
    if (array.bytes.size() != width * count) throw damaged();
    return array;
  }

  std::string path_, content_;
  std::map<std::string, Array> arrays_;
};

// An image whose pixels are those of cells, and what is expected to be found in it.
struct GoldenImage {
  std::vector<uint8_t> pixels;
  std::vector<float> extent;
  Found expected;
};

inline GoldenImage golden_image(const Archive& archive, const std::string& canvas, size_t index, int height,
                                int width) {
  const Array& all = archive.at(canvas + "/cells");
  const auto cells = all.row<uint8_t>(index), colours = archive.at(canvas + "/colours").row<uint8_t>(index);
  const int side = archive.at(canvas + "/cell").number<int32_t>();
  GoldenImage image;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const size_t colour = cells.at(y / side * all.shape.at(2) + x / side);
      for (size_t channel = 0; channel < 3; ++channel) image.pixels.push_back(colours.at(3 * colour + channel));
    }
  }
  image.extent = archive.at(canvas + "/extents").row<float>(index);
  image.expected.boxes = archive.at(canvas + "/boxes").row<float>(index);
  image.expected.scores = archive.at(canvas + "/scores").row<float>(index);
  image.expected.labels = archive.at(canvas + "/labels").row<int32_t>(index);
  return image;
}

// How alike two detections are: the overlap of their boxes, each a pixel larger on each side so that empty ones have
// one, less the difference of their scores; -2 if they overlap by less than a half or are of different classes.
inline float likeness(const Found& ours, size_t row, const Found& theirs, size_t other) {
  if (ours.labels[row] < 0 || ours.labels[row] != theirs.labels[other]) return -2;
  const float *a = &ours.boxes[4 * row], *b = &theirs.boxes[4 * other];
  const float width = std::min(a[2], b[2]) - std::max(a[0], b[0]) + 2;
  const float height = std::min(a[3], b[3]) - std::max(a[1], b[1]) + 2;
  const float common = std::max(width, 0.0f) * std::max(height, 0.0f);
  const float both = (a[2] - a[0] + 2) * (a[3] - a[1] + 2) + (b[2] - b[0] + 2) * (b[3] - b[1] + 2) - common;
  return common / both < 0.5f ? -2 : common / both - std::fabs(ours.scores[row] - theirs.scores[other]);
}

// The row of the detection that is most like one of another list; -1 if none is.
inline int most_alike(const Found& ours, size_t row, const Found& theirs) {
  int best = -1;
  float most = -2;
  for (size_t other = 0; other < theirs.labels.size(); ++other) {
    const float value = likeness(ours, row, theirs, other);
    if (value > most) most = value, best = int(other);
  }
  return best;
}

// The score below which the detections of a list may be cut off.
inline float end_of(const Found& found, float confidence) {
  return found.labels.empty() || found.labels.back() < 0 ? confidence : found.scores.back();
}

// Prints each detection of `ours` that has no match, or one that differs by more than the tolerances, and returns how
// many do. Where `theirs` may end because of a tie, none is expected.
inline int differences(const char* what, const Found& ours, const Found& theirs, float end, float boxes, float scores) {
  int count = 0;
  std::vector<int> matches;
  for (size_t row = 0; row < ours.labels.size() && ours.labels[row] >= 0; ++row) {
    const int match = most_alike(ours, row, theirs);
    matches.push_back(match >= 0 && most_alike(theirs, match, ours) == int(row) ? match : -1);
  }
  const auto alone = std::count(matches.begin(), matches.end(), -1);
  const bool many = alone > 3 && 2 * alone > int(matches.size());  // so many are no ties
  for (size_t row = 0; row < matches.size(); ++row) {
    const int match = matches[row];
    const bool is_mutual = match >= 0;
    float of_box = 0;
    for (size_t edge = 0; is_mutual && edge < 4; ++edge)
      of_box = std::max(of_box, std::fabs(ours.boxes[4 * row + edge] - theirs.boxes[4 * match + edge]));
    const float of_score = is_mutual ? std::fabs(ours.scores[row] - theirs.scores[match]) : 0;
    const bool agrees = is_mutual ? of_box <= boxes && of_score <= scores : !many && ours.scores[row] <= end + scores;
    if (agrees) continue;
    std::printf("%s position %zu: class %d, %.4f, at %.1f %.1f %.1f %.1f: ", what, row, ours.labels[row],
                ours.scores[row], ours.boxes[4 * row], ours.boxes[4 * row + 1], ours.boxes[4 * row + 2],
                ours.boxes[4 * row + 3]);
    if (is_mutual) {
      std::printf("boxes differ by %.3g pixels (%.3g allowed), scores by %.3g (%.3g allowed)\n", of_box, boxes,
                  of_score, scores);
    } else {
      std::printf("the other side has none\n");
    }
    ++count;
  }
  return count;
}

// Runs a model, called HEIGHTxWIDTH, on the images in golden.npz beside it. Returns 0 if it finds what it should.
template <class Detector>
int check_golden(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string canvas = file.stem().string();
  const Archive archive((file.parent_path() / "golden.npz").string());
  const int height = std::stoi(canvas), width = std::stoi(canvas.substr(canvas.find('x') + 1));
  const auto number = [&](const char* name) { return archive.at(canvas + "/" + name).number<float>(); };
  const float boxes = number("box_tolerance"), scores = number("score_tolerance"), confidence = number("confidence");
  Detector detector(path);
  int count = 0;
  for (size_t index = 0; index < archive.at(canvas + "/labels").shape.at(0); ++index) {
    const GoldenImage image = golden_image(archive, canvas, index, height, width);
    const Found found = detector.detect(image.pixels, height, width, image.extent.data(), confidence, number("iou"));
    const std::string name = "image " + std::to_string(index);
    const Found& expected = image.expected;
    count += differences((name + ", expected at").c_str(), expected, found, end_of(found, confidence), boxes, scores);
    if (count > 0) continue;
    count += differences((name + ", new at").c_str(), found, expected, end_of(expected, confidence), boxes, scores);
  }
  std::printf(count ? "%s differs here from where it was made\n" : "%s finds here what it found where it was made\n",
              canvas.c_str());
  return count ? 1 : 0;
}
