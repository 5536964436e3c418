/** What is kept of a call that is underway. */
interface Begun {
  readonly beganS: number;
  readonly beganCallS: number;
}

/** Calls underway, the one that ends first on top. */
export class Heap {
  readonly #keys: number[] = [];
  readonly #begun: Begun[] = [];

  get size(): number {
    return this.#keys.length;
  }

  get least(): number {
    return this.#keys[0]!;
  }

  push(key: number, beganS: number, beganCallS: number): void {
    this.#keys.push(key);
    this.#begun.push({ beganS, beganCallS });
    for (let at = this.#keys.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (this.#keys[parent]! <= this.#keys[at]!) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): Begun {
    const first = this.#begun[0]!;
    const key = this.#keys.pop()!;
    const begun = this.#begun.pop()!;
    const size = this.#keys.length;
    if (size === 0) return first;
    this.#keys[0] = key;
    this.#begun[0] = begun;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      if (left >= size) return first;
      const least = left + 1 < size && this.#keys[left + 1]! < this.#keys[left]! ? left + 1 : left;
      if (this.#keys[least]! >= this.#keys[at]!) return first;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    const key = this.#keys[a]!;
    this.#keys[a] = this.#keys[b]!;
    this.#keys[b] = key;
    const begun = this.#begun[a]!;
    this.#begun[a] = this.#begun[b]!;
    this.#begun[b] = begun;
  }
}
