import { runLocksContract } from './locks.contract.ts'

runLocksContract('the browser', navigator.locks)
