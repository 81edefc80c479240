"""Tests of the scores of generated samples."""
