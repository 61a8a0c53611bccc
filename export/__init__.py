"""From a trained .keras file to one verified, self-describing ONNX file."""
