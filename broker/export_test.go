package broker

// Raced is set when the race detector runs, for the tests from outside.
const Raced = raced
