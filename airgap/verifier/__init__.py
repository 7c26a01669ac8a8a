"""The judgement: (artifact, envelopes, trust, moment) to an outcome. No file, no socket, no clock."""
