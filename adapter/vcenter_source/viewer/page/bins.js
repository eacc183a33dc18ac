// How many events came when, by family: the counts behind the strip in the header.

export const BIN_SECONDS = 10;
export const BIN_COUNT = 90;
const COLOURS = 6;

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** The beginning of the bin of the present moment, in seconds since 1970. */
const currentBin = () => Math.floor(Date.now() / 1000 / BIN_SECONDS) * BIN_SECONDS;

export class Bins {
  #counts = new Map(); // by family, by the beginning of the bin

  clear() {
    this.#counts.clear();
  }

  add(rates) {
    for (const [begin, families] of Object.entries(rates)) this.#counts.set(Number(begin), families);
    for (const bin of this.#counts.keys()) if (bin < this.begin) this.#counts.delete(bin);
  }

  /** When the first bin begins and the last one ends, in seconds since 1970. */
  get begin() {
    return this.end - BIN_COUNT * BIN_SECONDS;
  }

  get end() {
    return currentBin() + BIN_SECONDS;
  }

  /** The events per second in the last whole bin. */
  get rate() {
    return this.total(currentBin() - BIN_SECONDS) / BIN_SECONDS;
  }

  /** The most events in one bin. */
  get highest() {
    return Math.max(0, ...[...this.#counts.keys()].map((bin) => this.total(bin)));
  }

  total(bin) {
    return sum(Object.values(this.#counts.get(bin) ?? {}));
  }

  /** The families with the most events, and "others" where there are more of them. */
  families() {
    const sums = new Map();
    for (const counts of this.#counts.values()) {
      for (const [family, number] of Object.entries(counts)) sums.set(family, (sums.get(family) ?? 0) + number);
    }
    const sorted = [...sums].sort((one, other) => other[1] - one[1]).map(([family]) => family);
    return sorted.length <= COLOURS ? sorted.sort() : [...sorted.slice(0, COLOURS - 1).sort(), "others"];
  }

  /** The counts of a bin for these families, in their order. */
  countsOf(bin, families) {
    const numbers = families.map(() => 0);
    for (const [family, number] of Object.entries(this.#counts.get(bin) ?? {})) {
      const index = families.indexOf(family);
      numbers[index < 0 ? families.length - 1 : index] += number;
    }
    return numbers;
  }

  /** The beginnings of the bins that have events. */
  filled() {
    return [...this.#counts.keys()].filter((bin) => bin < this.end);
  }
}
