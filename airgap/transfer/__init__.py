"""Moving content: a plan of the graph is made, then blobs go, then manifests from the leaves up, names last.

Knows layouts, tars and two small protocols; registries speak the same protocols (airgap.net.source, airgap.net.sink).
"""
