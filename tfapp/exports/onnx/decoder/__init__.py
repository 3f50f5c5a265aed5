"""What exported ONNX models answer with: modules that are copied beside them, and import nothing of tfapp."""
