// `npm start`: builds what is not built, then serves app and server. Arguments go to `headwater serve`.
// In this process, not a child, so that Ctrl-C and signals reach the server as they would reach `headwater serve`.
process.argv.splice(2, 0, 'serve')
import('../bin/headwater.js')
