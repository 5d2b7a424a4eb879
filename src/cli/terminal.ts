/** Says something to the person, not into the data: on stderr. */
export function say(message: string): void {
  process.stderr.write(`headwater: ${message}\n`)
}

/** Whether output goes to a person (who wants colours and tables) rather than into a program. https://no-color.org */
export function wantsColour(): boolean {
  return process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
}

/** Writes to stdout; resolves once there is room for more. Once nobody reads any longer (`| head`) it says so: false. */
export class StdoutWriter {
  #open = true
  #roomMade: (() => void)[] = []

  constructor() {
    process.stdout.on('error', () => {
      this.#open = false
      this.#wake()
    })
    process.stdout.on('drain', () => this.#wake())
  }

  async write(data: string | Uint8Array): Promise<boolean> {
    if (this.#open && !process.stdout.write(data)) {
      await new Promise<void>((resolve) => this.#roomMade.push(resolve))
    }
    return this.#open
  }

  /** Resolves once everything was handed to the system. */
  async flush(): Promise<void> {
    if (this.#open) await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
  }

  #wake(): void {
    for (const resume of this.#roomMade.splice(0)) resume()
  }
}
