// A guest of componentize-js that prints, fills a table and starts a clock in its warmup, and goes on using all of them.

const places = new Map();
const counts = new Map();
let started = 0;

export const warmup = {
  warmup() {
    console.log("warming up");
    for (let place = 1; place <= 100_000; place++) {
      places.set(`word${place}`, place);
    }
    started = performance.now();
  },
};

export const session = {
  initialize(_session, _config) {},
  cleanup() {},
};

export const words = {
  lookup: (word) => places.get(word) ?? 0,
  count(word) {
    const count = (counts.get(word) ?? 0) + 1;
    counts.set(word, count);
    return count;
  },
  say(text) {
    console.log(text);
    console.error(text);
  },
  elapsed: () => (performance.now() - started) / 1000,
  draw: () => Math.random(),
};
