// The parts of the console that JavaScript itself says best.
{
  const started = new Map();
  const counts = new Map();
  console.time = (label = "default") => void started.set(label, performance.now());
  console.timeEnd = console.timeLog = (label = "default") => {
    if (started.has(label)) console.log(`${label}: ${(performance.now() - started.get(label)).toFixed(3)} ms`);
  };
  console.count = (label = "default") => {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    console.log(`${label}: ${counts.get(label)}`);
  };
  console.group = console.groupCollapsed = console.log;
  console.groupEnd = () => {};
}
