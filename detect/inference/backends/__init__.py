"""Back ends: TensorFlow, and the interface that exported models share with it."""
