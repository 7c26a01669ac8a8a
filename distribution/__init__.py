"""What is handed to others: `make dist` builds it, `make dist-check` tries it, `make audit` looks for known faults."""
