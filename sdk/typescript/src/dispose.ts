// `await using` needs `Symbol.asyncDispose`, which older browsers do not have. Comes before every class that uses it.

(Symbol as { asyncDispose?: symbol }).asyncDispose ??= Symbol.for("Symbol.asyncDispose");

export {};
