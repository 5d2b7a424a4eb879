// Names of the Web platform that Node has at run time and @types/node 20 does not declare as types. Only for what runs under Node: pages
// and workers have the real ones.
import type { MessagePort as NodeMessagePort } from 'node:worker_threads'

declare global {
  type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>
  type MessagePort = NodeMessagePort
}
