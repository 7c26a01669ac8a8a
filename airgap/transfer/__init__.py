"""Copies content: makes a plan of the graph, then copies blobs, then manifests from the leaves up, then writes names.

Five modules make the plan, each from what the one before it found:

    origins                  references > artifacts with their sources (`CopyRoot`)
    destinations             the place and the names of each in the destination
    walk, planner            all below them, read once > what each artifact needs (`CopyPlan`, in plan)
    plan_attachments         adds what is made here: evidence, signatures, the list of a bundle
    layout_plans             adds records and referrers tags for layouts and tars, and checks their names

It has layouts, tars and two small protocols; registries implement the same protocols (airgap.net.source,
airgap.net.sink).
"""
