"""A Keras network written as an ONNX graph that is fast on one thread.

A walk over the Keras graph (`walk`) hands each layer to the function that a table keeps for it
(`layers`, `recurrent`, `operations`); that function reads the layer's configuration (`layer`) and
writes nodes (`graph`). What no function knows is refused as `NotFused`.
"""
