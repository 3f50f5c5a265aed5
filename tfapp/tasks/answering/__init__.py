"""The task answering: all that only it has, from reading questions and contexts to its report."""
