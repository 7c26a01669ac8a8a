"""Revocation: available evidence, and what it says about a certificate at a moment (decision 0009).

The records of a judgement, each with the modules that make it and those that read it:

    EvidenceFile             a file that may hold evidence          evidence_directory, target_evidence
    CrlFile, OcspFile        a file that does                       evidence_reader > pool > all below
    UnreadableEvidence       one that may, and cannot be read       evidence_reader, misplaced > condemning
    MisplacedEvidence        one that is where none is read         misplaced > pool > condemning
    RevocationQuery          a certificate and the judged time      judge > condemning, clearing
    RevocationStatements     what is against the certificate        condemning > judge
    ClearingAnswer           what clears it                         clearing > judge
    EvidenceUse              one piece of that, for reports         clearing > judge > verifier

What a report keeps of evidence that came with a target, so that it counts when the target is gone:

    EvidenceInTarget         which piece it was                     in each of the next two
    TargetStatement          what it says against a certificate     target_statements > judge, condemning
    TargetAnswer             what it answers, if nothing against    lost_answers > judge
    FoundInTargets           all of both, about one signature       judge > reports; verifier/report_reader > judge

`LostEvidence` and `RevokedBefore` (verifier/recorded.py) are such records of an earlier judgement.
"""
