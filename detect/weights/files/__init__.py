"""Files of tensors: PyTorch's, safetensors and ONNX, read without the packages that write them."""
