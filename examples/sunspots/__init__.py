"""Gaussian-process models of the sunspot record: state space, fit, evidence, sampler, pictures."""
