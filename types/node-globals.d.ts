// Names of the Web platform that Node has at run time and @types/node 20 does not declare as types. Only for what runs under Node: pages
// and workers have the real ones.
type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>
type MessagePort = import('node:worker_threads').MessagePort
