"""The client with `async` and `await`. `Sandbox` and its kin are made from it."""
