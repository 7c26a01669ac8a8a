"""Content: bytes, and how they point at each other (OCI image and distribution specifications)."""
