import { Command } from './cli.ts'

/** `headwater pipe <channel>` with its input in the test's hand, or a command's output where one is given. */
export class Pipe extends Command {
  constructor(url: string, channel: string, command: readonly string[] = []) {
    super(['pipe', channel, '--quiet', '--url', url, ...(command.length > 0 ? ['--', ...command] : [])])
  }

  write(text: string): void {
    this.child.stdin?.write(text)
  }

  /** End of input: the stream is done. */
  end(): void {
    this.child.stdin?.end()
  }
}
