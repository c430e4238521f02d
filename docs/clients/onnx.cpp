// A detector exported with `detect export --format onnx`, in C++ with ONNX Runtime.
//
//     g++ -std=c++17 -O2 onnx.cpp -I ONNXRUNTIME/include -L ONNXRUNTIME/lib -lonnxruntime -o detect-onnx
//     ./detect-onnx exports/onnx/416x416.onnx 416 photo.ppm
//     ./detect-onnx --check exports/onnx/416x416.onnx
//
// Prints a line for each object: label, score, x1, y1, x2, y2 in pixels of the picture. Names are in model.json.

#include <onnxruntime_cxx_api.h>

#include "client.h"

template <typename T>
Ort::Value tensor(T* values, size_t count, const std::vector<int64_t>& shape) {
  static const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  return Ort::Value::CreateTensor<T>(memory, values, count, shape.data(), shape.size());
}

class Detector {
 public:
  explicit Detector(const std::string& path) : session_(environment_, path.c_str(), Ort::SessionOptions()) {}

  Found detect(std::vector<uint8_t> images, int height, int width, const float* extent, float confidence, float iou) {
    float extents[] = {extent[0], extent[1]};
    std::vector<Ort::Value> inputs;
    inputs.push_back(tensor(images.data(), images.size(), {1, height, width, 3}));
    inputs.push_back(tensor(extents, 2, {1, 2}));
    inputs.push_back(tensor(&confidence, 1, {}));
    inputs.push_back(tensor(&iou, 1, {}));
    const char* takes[] = {"images", "extents", "confidence", "iou"};
    const char* gives[] = {"boxes", "scores", "labels"};
    const auto found = session_.Run(Ort::RunOptions(), takes, inputs.data(), inputs.size(), gives, 3);
    return {values<float>(found[0]), values<float>(found[1]), values<int32_t>(found[2])};
  }

 private:
  template <typename T>
  static std::vector<T> values(const Ort::Value& tensor) {
    const T* first = tensor.GetTensorData<T>();
    return std::vector<T>(first, first + tensor.GetTensorTypeAndShapeInfo().GetElementCount());
  }

  Ort::Env environment_;
  Ort::Session session_;
};

int main(int count, char** words) { return run_client<Detector>(count, words); }
