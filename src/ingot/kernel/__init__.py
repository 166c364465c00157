"""The closed intermediate language that every compiler back end implements, and its combinators."""
