"""The doors through which untrusted bytes come in: strict JSON, base64, CBOR, DER and times.

Nothing else in the package calls `json.loads`, `base64.b64decode` or `cbor2`. Every door is bounded and raises
only `FormatError` (or its child `LimitError`).
"""
