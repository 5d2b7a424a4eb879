// Never run: it must compile. What a user of the server would write.
import { createStreamHandler, MemoryStreamStore } from 'headwater/server'

export const handler = createStreamHandler({ store: new MemoryStreamStore(), models: [] })
export const answer: Promise<Response> = handler.fetch(new Request('http://127.0.0.1/healthz'))
