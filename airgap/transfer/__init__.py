"""Copies content: makes a plan of the graph, then copies blobs, then manifests from the leaves up, then writes names.

It has layouts, tars and two small protocols; registries implement the same protocols (airgap.net.source,
airgap.net.sink).
"""
