"""What several tasks share: of those on classes the evaluator, settings and forms; of several the ways to train."""
