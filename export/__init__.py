"""From a trained Keras file to one verified, self-describing ONNX file: har-export."""
