"""Holds the verbs that join data, models, training and export: train, build, evaluate, predict, publish, release."""
