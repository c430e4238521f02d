// A detector exported with `detect export --format onnx`, in C++ with ONNX Runtime.
//
//     g++ -std=c++17 -O2 onnx.cpp -I ONNXRUNTIME/include -L ONNXRUNTIME/lib -lonnxruntime -o detect-onnx
//     ./detect-onnx exports/onnx/416x416.onnx 416 photo.ppm
//
// Prints a line for each object: label, score, x1, y1, x2, y2 in pixels of the picture. Names are in model.json.

#include <onnxruntime_cxx_api.h>

#include "picture.h"

template <typename T>
Ort::Value tensor(T* values, size_t count, const std::vector<int64_t>& shape) {
  static const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  return Ort::Value::CreateTensor<T>(memory, values, count, shape.data(), shape.size());
}

void run(const std::string& model, int side, const std::string& path, float confidence) {
  const Picture picture = read_ppm(path);
  const float scale = letterbox_scale(picture, side);
  std::vector<uint8_t> images = letterbox(picture, side);
  float extents[] = {picture.height * scale, picture.width * scale};  // rows and columns that the picture takes
  float iou = 0.65f;

  Ort::Env environment;
  Ort::Session session(environment, model.c_str(), Ort::SessionOptions());
  std::vector<Ort::Value> inputs;
  inputs.push_back(tensor(images.data(), images.size(), {1, side, side, 3}));
  inputs.push_back(tensor(extents, 2, {1, 2}));
  inputs.push_back(tensor(&confidence, 1, {}));
  inputs.push_back(tensor(&iou, 1, {}));
  const char* takes[] = {"images", "extents", "confidence", "iou"};
  const char* gives[] = {"boxes", "scores", "labels"};
  const auto found = session.Run(Ort::RunOptions(), takes, inputs.data(), inputs.size(), gives, 3);

  const auto* boxes = found[0].GetTensorData<float>();
  const auto* scores = found[1].GetTensorData<float>();
  const auto* labels = found[2].GetTensorData<int32_t>();
  const size_t count = found[2].GetTensorTypeAndShapeInfo().GetElementCount();
  print_objects(boxes, scores, labels, count, scale);
}

int main(int count, char** words) { return run_client(count, words, run); }
