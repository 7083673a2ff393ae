// The run's data, unpacked: operations as columns, lanes for clients. It draws nothing.

/** Bytes of a packed script element: base64 of gzip. */
async function unpack(id) {
  const text = document.getElementById(id).textContent;
  // The first needs no function call for each byte, where a browser has it.
  const packed = Uint8Array.fromBase64?.(text) ?? Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new DecompressionStream("gzip");
  // Written straight into it: the stream of a blob goes through the browser's other processes, and waits for them.
  const writer = stream.writable.getWriter();
  writer.write(packed);
  writer.close();
  return new Response(stream.readable).arrayBuffer();
}

const ARRAYS = { f64: Float64Array, u32: Uint32Array, u8: Uint8Array };
const NONE = 0xffffffff;
export const OUTCOMES = ["ok", "fail", "info"];
export const [OK, FAIL, INFO] = [0, 1, 2];

/** Everything a page shows. Times are nanoseconds since the run began. */
export async function load() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [packed, lines] = await Promise.all([unpack("operations"), unpack("log-lines")]);
  const operations = { count: data.operations.count };
  for (const { name, type, offset, length } of data.operations.columns) {
    operations[name] = new ARRAYS[type](packed, offset, length);
  }
  const { functions, keys, nodes } = data.operations;
  return {
    ...data,
    operations,
    names: { functions, keys, nodes },
    isRead: Uint8Array.from(functions, (name) => (name === "read" ? 1 : 0)),
    lanes: lanes(operations, data),
    logs: JSON.parse(new TextDecoder().decode(lines)),
  };
}

/**
 * A lane for each client: its processes follow each other in it, for one that does not know where it stands never acts again.
 * Final reads have a lane of their own.
 */
function lanes(operations, { clients, phases }) {
  const settled = phases.find((phase) => phase.name === "settle")?.at ?? Infinity;
  const laneOf = (index) => (operations.invoked[index] >= settled ? clients : operations.process[index] % clients);
  const lengths = new Uint32Array(clients + 1);
  for (let index = 0; index < operations.count; index++) lengths[laneOf(index)]++;
  const made = Array.from(lengths, (length, number) => ({
    name: number === clients ? "final reads" : `client ${number}`,
    indices: new Uint32Array(length),
  }));
  lengths.fill(0);
  for (let index = 0; index < operations.count; index++) {
    const lane = laneOf(index);
    made[lane].indices[lengths[lane]++] = index;
  }
  operations.lane = laneOf;
  return made.filter((lane, number) => number < clients || lane.indices.length > 0);
}

/** What an operation tells in words and numbers. */
export function operationAt(run, index) {
  const { operations, names } = run;
  const starts = index * 3 === 0 ? 0 : operations.ends[index * 3 - 1];
  const [input, output, error] = operations.ends.subarray(index * 3, index * 3 + 3);
  const text = (from, to) => new TextDecoder().decode(operations.text.subarray(from, to));
  const number = (column) => (column[index] === NONE || Number.isNaN(column[index]) ? null : column[index]);
  const name = (list, column) => (column[index] === NONE ? null : list[column[index]]);
  return {
    index,
    process: operations.process[index],
    function: name(names.functions, operations.function),
    key: name(names.keys, operations.key),
    input: text(starts, input),
    output: text(input, output),
    error: text(output, error),
    outcome: OUTCOMES[operations.outcome[index]],
    node: name(names.nodes, operations.node),
    epoch: number(operations.epoch),
    lsn: number(operations.lsn),
    invoked: operations.invoked[index],
    ended: operations.ended[index],
  };
}

/** The end of an operation for drawing: one whose end nobody recorded goes on until the run's end. */
export function endOf(run, index) {
  const ended = run.operations.ended[index];
  return Number.isNaN(ended) ? run.end : ended;
}

/** The first place in a lane whose operation ends after `time`. */
export function firstEndingAfter(run, lane, time) {
  let [low, high] = [0, lane.indices.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (endOf(run, lane.indices[middle]) > time) high = middle;
    else low = middle + 1;
  }
  return low;
}
