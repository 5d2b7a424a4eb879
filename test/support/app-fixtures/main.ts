import '../../../src/app/elements/app-shell.ts'
import { FakeHub } from './fake-hub.ts'
import { addAllStates, addFeed, answerFetch } from './scenes.ts'

// `?empty`, `?offline`, `?volatile`, `?broken` choose what is wrong; `?live` lets the build go on.
const flags = new URLSearchParams(location.search)
answerFetch()
const fake = new FakeHub({ durable: !flags.has('volatile'), broken: flags.has('broken') })
if (!flags.has('empty')) addAllStates(fake)
addFeed(fake, flags.has('offline'))

const app = document.createElement('hw-app')
app.hub = fake.asHub()
document.body.append(app)

const build = fake.streams_.find(({ info }) => info.channel === 'build')
if (flags.has('live') && build) setInterval(() => build.write(`now ${Date.now()}\n`), 50)

// For scripts that look at the page.
Object.assign(globalThis, { fake })
