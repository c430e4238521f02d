// A detector exported with `detect export --format litert`, in C++ with LiteRT's own C interface.
//
//     g++ -std=c++17 -O2 litert.cpp -I LITERT -L LITERT/lib -lLiteRt -o detect-litert
//     ./detect-litert exports/litert/416x416.tflite 416 photo.ppm
//     ./detect-litert --check exports/litert/416x416.tflite
//
// Prints a line for each object: label, score, x1, y1, x2, y2 in pixels of the picture. Names are in model.json.

#include <cstring>
#include <map>

#include "client.h"
#include "litert/c/litert_compiled_model.h"
#include "litert/c/litert_environment.h"
#include "litert/c/litert_model.h"
#include "litert/c/litert_options.h"
#include "litert/c/litert_tensor_buffer.h"
#include "litert/c/litert_tensor_buffer_requirements.h"

void check(LiteRtStatus status, const char* what) {
  if (status != kLiteRtStatusOk) throw std::runtime_error(std::string(what) + ": LiteRT status " + std::to_string(status));
}

// A model with the buffers of its first signature, by name.
class Detector {
 public:
  explicit Detector(const std::string& path) {
    LiteRtOptions options;
    check(LiteRtCreateEnvironment(0, nullptr, &environment_), "environment");
    check(LiteRtCreateModelFromFile(environment_, path.c_str(), &model_), path.c_str());
    check(LiteRtCreateOptions(&options), "options");
    check(LiteRtSetOptionsHardwareAccelerators(options, kLiteRtHwAcceleratorCpu), "options");
    check(LiteRtCreateCompiledModel(environment_, model_, options, &compiled_), "compiling");
    LiteRtDestroyOptions(options);
    LiteRtSignature signature;
    check(LiteRtGetModelSignature(model_, 0, &signature), "signature");
    make_inputs(signature);
    make_outputs(signature);
  }

  Found detect(const std::vector<uint8_t>& images, int, int, const float* extent, float confidence, float iou) {
    write("images", images.data(), images.size());
    write("extents", extent, 2 * sizeof(float));
    write("confidence", &confidence, sizeof(confidence));
    write("iou", &iou, sizeof(iou));
    check(LiteRtRunCompiledModel(compiled_, 0, inputs_.size(), inputs_.data(), outputs_.size(), outputs_.data()),
          "running");
    return {read<float>("boxes"), read<float>("scores"), read<int32_t>("labels")};
  }

 private:
  void write(const std::string& name, const void* values, size_t bytes) {
    void* place = nullptr;
    LiteRtTensorBuffer buffer = inputs_.at(positions_.at(name));
    check(LiteRtLockTensorBuffer(buffer, &place, kLiteRtTensorBufferLockModeWrite), name.c_str());
    std::memcpy(place, values, bytes);
    check(LiteRtUnlockTensorBuffer(buffer), name.c_str());
  }

  template <typename T>
  std::vector<T> read(const std::string& name) {
    void* place = nullptr;
    size_t bytes = 0;
    LiteRtTensorBuffer buffer = outputs_.at(positions_.at(name));
    check(LiteRtGetTensorBufferPackedSize(buffer, &bytes), name.c_str());
    check(LiteRtLockTensorBuffer(buffer, &place, kLiteRtTensorBufferLockModeRead), name.c_str());
    std::vector<T> values(static_cast<T*>(place), static_cast<T*>(place) + bytes / sizeof(T));
    check(LiteRtUnlockTensorBuffer(buffer), name.c_str());
    return values;
  }

  void make_inputs(LiteRtSignature signature) {
    LiteRtParamIndex count;
    check(LiteRtGetNumSignatureInputs(signature, &count), "inputs");
    for (LiteRtParamIndex index = 0; index < count; ++index) {
      const char* name;
      LiteRtTensor tensor;
      LiteRtTensorBufferRequirements needs;
      check(LiteRtGetSignatureInputName(signature, index, &name), "inputs");
      check(LiteRtGetSignatureInputTensorByIndex(signature, index, &tensor), name);
      check(LiteRtGetCompiledModelInputBufferRequirements(compiled_, 0, index, &needs), name);
      add(name, tensor, needs, inputs_);
    }
  }

  void make_outputs(LiteRtSignature signature) {
    LiteRtParamIndex count;
    check(LiteRtGetNumSignatureOutputs(signature, &count), "outputs");
    for (LiteRtParamIndex index = 0; index < count; ++index) {
      const char* name;
      LiteRtTensor tensor;
      LiteRtTensorBufferRequirements needs;
      check(LiteRtGetSignatureOutputName(signature, index, &name), "outputs");
      check(LiteRtGetSignatureOutputTensorByIndex(signature, index, &tensor), name);
      check(LiteRtGetCompiledModelOutputBufferRequirements(compiled_, 0, index, &needs), name);
      add(name, tensor, needs, outputs_);
    }
  }

  void add(const char* name, LiteRtTensor tensor, LiteRtTensorBufferRequirements needs,
           std::vector<LiteRtTensorBuffer>& buffers) {
    LiteRtRankedTensorType type;
    LiteRtTensorBuffer buffer;
    check(LiteRtGetRankedTensorType(tensor, &type), name);
    check(LiteRtCreateManagedTensorBufferFromRequirements(environment_, &type, needs, &buffer), name);
    positions_[name] = buffers.size();
    buffers.push_back(buffer);
  }

  LiteRtEnvironment environment_ = nullptr;  // all of them live as long as the program
  LiteRtModel model_ = nullptr;
  LiteRtCompiledModel compiled_ = nullptr;
  std::map<std::string, size_t> positions_;
  std::vector<LiteRtTensorBuffer> inputs_, outputs_;
};

int main(int count, char** words) { return run_client<Detector>(count, words); }
