"""Evidence at hand: CRLs and OCSP responses found, kept, merged, dated. None of it is believed for lying here."""
