// @ts-check
// What `npm run test:model` runs, and which rule of hand-over (README.md beside this file) each configuration shows. Every state space is bounded
// so that the whole run takes minutes on two cores: few units, one or two tabs, one or two budgets of faults or verbs at a time.

/**
 * What a broken variant is found out by: words for the table, and the part of the failed assertion (without blanks) that tells it from others.
 */
export const FINDINGS = /** @type {const} */ ({
  'a hub that was succeeded appends': 'gTaker==h',
  'the log has a duplicate or a hole': 'H[h].txS==sPos',
  'two connections are open': '!(((H[0].conn',
  'open connection after stop or cancel': '(!((H[0].conn',
  'a view shows what is not stored': '(T[t].nxt-1)<=sHead',
  'a view applies a late batch': 'T[t].oS==T[t].pos',
  'done is shown before the last chunk': '(T[t].shown!=1)||',
  'a view is never brought up to date': '(T[0].port==3)||',
  'the stream never comes to an end': 'sState!=0',
  'a cut body is taken for the end': 'sPos==2',
  'a POST is sent twice': 'posts<=1',
  'something is committed after a stop': '!(gStop)',
  'a verb is never answered': 'T[0].vst==0',
  'a verb is applied twice': 'gApplied[t]<=1',
  'the epoch is raised without the lock': 'own==h',
})

/**
 * @typedef {object} Configuration
 * @property {string} rule the rule of hand-over it shows: a number, `all` for several, or `limit` for what is not promised
 * @property {string} title
 * @property {string} flags definitions for the model, without `-D`
 * @property {keyof typeof FINDINGS} [breaks] how it must break; absent where it must be sound
 * @property {'loops'} [search] looks for runs that go round for ever, instead of for broken assertions
 */

// `POLL NOPING`: all pings are lost and the row may be re-read at any time, which covers every timing of pings with fewer states.
// `CASPOS`: the append checks the row's position besides the epoch, as rule 2 and the code do.
const SOUND = 'POLL NOPING CASPOS'
/** Verbs only: both hubs run, nothing is delivered, a verb that is sent again keeps its id. */
const VERBS = 'K=1 NT=2 UP NODELIVER POLL NOPING CASPOS RETRY=2'
/** Variants keep every rule but the one that they break. Without `CASPOS`, so that no second fence hides the first. */
const ONE_TAB = 'K=2 NT=1 KILLS=0 POLL NOPING'
const TWO_TABS = 'K=2 NT=2 KILLS=0 POLL NOPING'

/** @type {readonly Configuration[]} */
const soundOnes = [
  { rule: 'all', title: 'kill, one tab that reloads', flags: `K=2 NT=1 KILLS=1 RELOADS=1 ${SOUND}` },
  { rule: 'all', title: 'kill, two tabs', flags: `K=1 NT=2 KILLS=1 SYNCTAB ${SOUND}` },
  { rule: 'all', title: 'kill, as the design is without the position check', flags: 'K=3 NT=1 KILLS=1 POLL NOPING' },
  { rule: '1, 2', title: 'lock stolen, reload', flags: `K=1 NT=1 KILLS=0 STEALS=1 RELOADS=1 ${SOUND}` },
  { rule: '4', title: 'leave on purpose, two tabs', flags: `K=2 NT=2 KILLS=0 YIELDS=1 SYNCTAB ${SOUND}` },
  { rule: '5', title: 'hello to a dying hub', flags: `K=2 NT=1 KILLS=1 EARLY_RECONNECT ${SOUND}` },
  { rule: '6', title: 'two cuts, what was read is kept', flags: `K=3 NT=1 KILLS=0 DROPS=2 BUF=2 FRAMES ${SOUND}` },
  {
    rule: '6',
    title: 'two cuts, asks from what is committed, position checked',
    flags: `K=3 NT=1 KILLS=0 DROPS=2 BUF=2 FRAMES RECON_COMMITTED ${SOUND}`,
  },
  { rule: '6', title: 'cut and kill', flags: `K=3 NT=1 KILLS=1 DROPS=1 BUF=2 FRAMES ${SOUND}` },
  { rule: '8', title: 'POST, kill, two tabs', flags: `K=1 NT=2 KILLS=1 NONRES SYNCTAB ${SOUND}` },
  { rule: '8', title: 'POST, cut, reload', flags: `K=2 NT=1 KILLS=0 DROPS=1 RELOADS=1 NONRES ${SOUND}` },
  { rule: '10', title: 'the old port is never closed', flags: `K=3 NT=1 KILLS=1 OLDPORT ${SOUND}` },
  { rule: '11', title: 'no pings, upstream falls silent', flags: `K=2 NT=2 KILLS=0 SILENT ${SOUND}` },
  {
    rule: '11',
    title: 'some pings lost, upstream falls silent',
    flags: 'K=2 NT=2 KILLS=0 SILENT PINGLOSS POLL CASPOS',
  },
  { rule: '11', title: 'pings during a read', flags: 'K=1 NT=2 KILLS=0 SILENT SPLITREAD POLL CASPOS' },
  {
    rule: '12',
    title: 'stop, kill before its ping',
    flags: 'K=1 NT=2 KILLS=1 STOPS=1 UP NODELIVER OWE POLL CASPOS RETRY=2',
  },
  { rule: '12', title: 'cancel and kill', flags: `KILLS=1 CANCELS=1 ${VERBS}` },
  {
    rule: '12, 13',
    title: 'stop, resume and kill, one tab',
    flags: `KILLS=1 STOPS=1 RESUMES=1 ${VERBS.replace('NT=2', 'NT=1')}`,
  },
  { rule: '12, 14', title: 'stop and a stolen lock', flags: `KILLS=0 STEALS=1 STOPS=1 WEAKSTOP ${VERBS}` },
  {
    rule: '14',
    title: 'stuck owner is robbed and wakes up',
    flags: `K=1 NT=1 KILLS=0 STUCKS=1 RECOVER_STEAL ${SOUND}`,
  },
  {
    rule: 'all',
    title: 'no endless loop: kill, cut, reload',
    flags: `K=2 NT=1 KILLS=1 DROPS=1 RELOADS=1 ${SOUND}`,
    search: 'loops',
  },
  {
    rule: '12',
    title: 'no endless loop: stop, resume and kill',
    flags: `KILLS=1 STOPS=1 RESUMES=1 ${VERBS.replace('NT=2', 'NT=1')}`,
    search: 'loops',
  },
]

/** @type {readonly (Configuration & Required<Pick<Configuration, 'breaks'>>)[]} */
const brokenOnes = [
  {
    rule: '1',
    title: 'position from before the grant',
    flags: `${ONE_TAB} KILLS=1 RELOADS=1 STALE_TAKEOVER`,
    breaks: 'the log has a duplicate or a hole',
  },
  {
    rule: '1',
    title: 'epoch raised by the first append only',
    flags: `${ONE_TAB} STEALS=1 RELOADS=1 EPOCH_LATE`,
    breaks: 'a hub that was succeeded appends',
  },
  {
    rule: '2',
    title: 'no check of the epoch',
    flags: `${ONE_TAB} STEALS=1 RELOADS=1 NOFENCE`,
    breaks: 'a hub that was succeeded appends',
  },
  {
    rule: '2',
    title: 'check in a transaction of its own',
    flags: `${ONE_TAB} STEALS=1 RELOADS=1 TOCTOU`,
    breaks: 'a hub that was succeeded appends',
  },
  {
    rule: '3',
    title: 'delivery before the commit',
    flags: `${ONE_TAB} KILLS=1 DELIVER_EARLY`,
    breaks: 'a view shows what is not stored',
  },
  {
    rule: '4',
    title: 'lock released before the connection is closed',
    flags: `${ONE_TAB} YIELDS=1 RELOADS=1 RELEASE_EARLY`,
    breaks: 'two connections are open',
  },
  {
    rule: '4',
    title: 'lock released with a commit in flight, no epoch',
    flags: `${TWO_TABS} YIELDS=1 RELEASE_TX NOFENCE`,
    breaks: 'a hub that was succeeded appends',
  },
  {
    rule: '5',
    title: 'hello without a deadline',
    flags: `${ONE_TAB} KILLS=1 NO_DEADLINE`,
    breaks: 'the stream never comes to an end',
  },
  {
    rule: '6',
    title: 'reconnect with a commit in flight',
    flags: `${ONE_TAB} DROPS=1 RECON_COMMITTED`,
    breaks: 'the log has a duplicate or a hole',
  },
  {
    rule: '7',
    title: 'end of body is the end',
    flags: `${ONE_TAB} DROPS=1 EOF_IS_DONE`,
    breaks: 'a cut body is taken for the end',
  },
  {
    rule: '8',
    title: 'successor posts again while the log is empty',
    flags: `${ONE_TAB} KILLS=1 NONRES REPOST`,
    breaks: 'a POST is sent twice',
  },
  {
    rule: '9',
    title: 'status from the row, head from memory',
    flags: `${ONE_TAB} MIXED`,
    breaks: 'done is shown before the last chunk',
  },
  {
    rule: '9',
    title: 'status of a dropped batch is believed',
    flags: `${ONE_TAB} KILLS=1 OLDPORT STATUS_ANYWAY`,
    breaks: 'done is shown before the last chunk',
  },
  {
    rule: '10',
    title: 'fromSeq is not checked',
    flags: `${ONE_TAB} KILLS=1 OLDPORT NOSEQ`,
    breaks: 'a view applies a late batch',
  },
  {
    rule: '11',
    title: 'pings are lost, nobody re-reads',
    flags: 'K=2 NT=2 KILLS=0 SILENT PINGLOSS',
    breaks: 'a view is never brought up to date',
  },
  {
    rule: '11',
    title: 'the same, with an owner that keeps the lock',
    flags: 'K=2 NT=2 KILLS=0 KEEPLOCK PINGLOSS',
    breaks: 'a view is never brought up to date',
  },
  {
    rule: '11',
    title: 'subscribes to pings after the first read',
    flags: 'K=2 NT=2 KILLS=0 SILENT LATE_SUB',
    breaks: 'a view is never brought up to date',
  },
  {
    rule: '11',
    title: 'a ping during a read is dropped',
    flags: 'K=2 NT=2 KILLS=0 SILENT SPLITREAD NODIRTY',
    breaks: 'a view is never brought up to date',
  },
  {
    rule: '11',
    title: 'hub dies between intent and ping, nobody re-reads',
    flags: 'K=2 NT=2 KILLS=1 STOPS=1 UP NODELIVER SILENT OWE',
    breaks: 'the stream never comes to an end',
  },
  {
    rule: '12',
    title: 'stop in the owner’s memory',
    flags: `${TWO_TABS} KILLS=1 STOPS=1 UP NODELIVER VERB=1`,
    breaks: 'something is committed after a stop',
  },
  {
    rule: '12',
    title: 'receiver writes the final state',
    flags: `${TWO_TABS} CANCELS=1 KILLS=1 UP NODELIVER VERB=3`,
    breaks: 'open connection after stop or cancel',
  },
  {
    rule: '12',
    title: 'stop forwarded to the owner once',
    flags: `${TWO_TABS} STEALS=1 STOPS=1 UP NODELIVER SILENT VERB=4`,
    breaks: 'a verb is never answered',
  },
  {
    rule: '13',
    title: 'verb sent again without its id',
    flags: `${TWO_TABS} KILLS=1 STOPS=1 RESUMES=1 UP NODELIVER RETRY=1`,
    breaks: 'a verb is applied twice',
  },
  {
    rule: '14',
    title: 'nobody robs a stuck owner',
    flags: `${ONE_TAB} STUCKS=1`,
    breaks: 'the stream never comes to an end',
  },
  {
    rule: 'limit',
    title: 'a robbed hub is still connected after a stop',
    flags: `KILLS=0 STEALS=1 STOPS=1 ${VERBS}`,
    breaks: 'open connection after stop or cancel',
  },
  {
    rule: 'limit',
    title: 'a robbed hub may raise the epoch once more',
    flags: `${ONE_TAB} STEALS=1 RELOADS=1 STRICT_TAKER`,
    breaks: 'the epoch is raised without the lock',
  },
]

/** All, in the order of the table. */
export const CONFIGURATIONS = [...soundOnes, ...brokenOnes]
