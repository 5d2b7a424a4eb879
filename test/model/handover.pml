/* ===========================================================================
 * handover.pml - ownership hand-over, delivery and verbs of Headwater
 *
 * One stream of K units held by an upstream server; 2 hub slots (slot = script
 * version; a slot can be killed and restarted = a new bootId); an IndexedDB row
 * + log with atomic transactions; the Web Lock own/<stream>; NT tabs.
 *
 * Every do-option of hub() is one turn of that hub's event loop, every touch of
 * the store is one transaction.  Faults come from chaos() on budgets, verbs from
 * user() on budgets; both may stop at any time ("no more kills").
 *
 * Safety  = assertions.
 * Liveness = (1) `timeout -> assert(goal)`: whenever nothing can move any more,
 *            everything that had to happen has happened;  (2) no cycles: pan -l
 *            (-DNP) finds none, so every run reaches such a state. Together they
 *            prove <>goal with no fairness assumption beyond "something moves".
 * =========================================================================== */

/* ------------------------------ sizes, budgets --------------------------- */
#ifndef K
#define K 3            /* units of the upstream                              */
#endif
#ifndef NT
#define NT 2           /* tabs                                               */
#endif
#ifndef BUF
#define BUF 1          /* chunks read but not yet in a transaction           */
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef STEALS
#define STEALS 0
#endif
#ifndef DROPS
#define DROPS 0        /* cut sockets                                        */
#endif
#ifndef RELOADS
#define RELOADS 0
#endif
#ifndef YIELDS
#define YIELDS 0       /* voluntary release: pagehide of an in-page/leader hub */
#endif
#ifndef CLOSES
#define CLOSES 0       /* tabs closed for good                               */
#endif
#ifndef STUCKS
#define STUCKS 0       /* spinning or frozen hubs: keep their locks, do nothing */
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef RESUMES
#define RESUMES 0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif

/* ------------------------------ variants ---------------------------------
 * default             the sound design (see README.md)
 * -DEPOCH_LATE        (a) takeover raises the epoch only in its first append
 * -DDELIVER_EARLY     (b) deliver what was read, before commit
 * -DRELEASE_EARLY     (c) voluntary release without waiting for the in-flight
 *                         commit and without closing the connection first
 * -DRELEASE_TX        (c) the same, connection closed first, commit still in flight
 * -DEARLY_RECONNECT   (d) a tab connects before the dead hub's lock is free
 * -DNO_DEADLINE       (d) nothing watches the time between hello and welcome
 * -DVERB=1..4         (e) 1 owner's memory, ack at once
 *                         2 intent record, owner or successor executes (sound)
 *                         3 receiving hub writes the end state + raises epoch
 *                         4 only the owner writes, forwarded once, ack after commit
 * -DPINGLOSS          (f) any "head moved" may be lost
 * -DPOLL              (f) with periodic re-read of the row
 * -DKEEPLOCK          (f) owner keeps own/<stream> after the ending
 * -DNOPING             every ping is lost; with POLL this covers every timing of
 *                         late and lost pings (a poll may run at any time) with fewer states
 * -DSYNCTAB            a deliver() is applied in the same step (fewer states; for
 *                         runs about verbs - messages in flight are checked without)
 * -DNODELIVER          tabs only call verbs (fewer states; runs about verbs)
 * -DUP                 both hubs run and all tabs are attached at the start
 * -DREPING            (f) hub with a pending verb repeats its ping until done
 * -DSTALE_TAKEOVER        takeover continues from a position read before the lock was granted
 * -DNOFENCE               no epoch check at all
 * -DTOCTOU                epoch checked in a transaction of its own
 * -DCASPOS                append also compares the row's position with my base
 * -DRECON_COMMITTED       reconnect from the committed, not the read, position
 * -DEOF_IS_DONE           a cut socket counts as the end
 * -DNONRES [-DREPOST]     POST upstream; REPOST: successor posts again if log empty
 * -DFRAMES                chunk borders differ from connection to connection
 * -DRETRY=0|1|2           verb in flight when hub dies: reject | resend | resend+id
 * -DOLDPORT               tab does not close the old port; with -DNOSEQ: no fromSeq check;
 *                         with -DSTATUS_ANYWAY: status of a dropped batch is believed
 * -DSILENT                upstream may go silent for good
 * -DNO_I2ASSERT, -DNO_TAKER, -DWEAKSTOP   switch one assertion off, to look further
 * -DMIXED                 an owner takes the status from the row, the head from memory
 * -DOWE                   a verb's ping leaves a moment after its commit (hub may die between)
 * -DLATE_SUB              a hub reads the row first and subscribes to pings afterwards
 * -DRECOVER_STEAL         STUCKS: a hub that misses its deadline is robbed, its tabs go to the
 *                         other one (under another worker name); it may wake up later
 * -DSTRICT_TAKER          asserts that whoever raises the epoch holds the lock
 * -DSPLITREAD [-DNODIRTY] a row read takes time; NODIRTY: a ping during it is dropped
 */
#ifndef VERB
#define VERB 2
#endif
#ifndef RETRY
#define RETRY 0
#endif
#define FREE 2

/* status of the row */
#define LIVE      0
#define DONE      1
#define STOPPED   2
#define CANCELLED 3
#define DISC      4
#define NOTHING   7
/* verbs and intents */
#define V_NONE   0
#define V_STOP   1
#define V_RESUME 2
#define V_CANCEL 3
/* roles */
#define FOLLOW 0
#define LOCKED 1       /* lock granted, takeover transaction still to run    */
#define OWN    2
/* port of a tab */
#define P_NONE  0
#define P_HELLO 1
#define P_UP    2
#define P_CLOSED 3     /* closed for good                                    */

/* ------------------------------ the store -------------------------------- */
byte sHead, sPos, sEpoch, sState, sIntent, sVer;
bit  sSent;                 /* "the POST may have been sent"                  */
bit  sSeen[NT];             /* ids of verbs already applied (RETRY=2)         */
byte logE[K+1];             /* end position of chunk n                        */

/* ------------------------------ locks, upstream -------------------------- */
byte own = FREE;            /* Web Lock own/<stream>                          */
bit  upCancel;              /* producer was told                              */
bit  silent;
byte posts;                 /* ghost: how many POSTs were sent                */

/* ghosts */
bit  gStop, gCan;           /* user holds an acknowledged stop / cancel       */
byte gTaker = FREE;         /* hub that took over last                        */
byte gApplied[NT];          /* how often one stop() call took effect          */

typedef HubT {
  bit  alive; bit dying; byte boot; byte role; byte ep; bit fresh;
  bit  conn; byte rpos; bit fetched; byte rseq;  /* rseq: only for DELIVER_EARLY */
  byte bufN; byte bufS; byte bufE[2]; bit term;
  byte tx;                  /* 0 none 1 issued 2 committed 3 refused          */
  byte txN; byte txS; byte txE[2]; bit txT; byte txH;
  byte head; byte kst; byte kin; byte kver;
  bit  ping; bit lost; bit yield; bit mstop; bit fwd; bit told; bit tell;
  bit  stuck; bit  owe; bit  sub; bit  rd; byte rHead; byte rSt; byte rIn; byte rVer
}
typedef TabT {
  byte hub; byte port; byte pboot; bit fresh;
  byte nxt; byte pos; byte shown;
  byte mst; byte mfrom; byte mto; byte mS; byte mE; byte mstate;
  bit  ost; byte ofrom; byte oto; byte oS; byte oE;
  byte v; byte vst; byte vnum; byte vres  /* 0 none 1 posted 2 pending in hub 3 reply posted */
}
HubT H[2];
TabT T[NT];

#define ZOMBIE(h)  (H[h].role != FOLLOW && own != h && H[h].lost)
#define OPEN(h)    (H[h].conn && !ZOMBIE(h))

/* I1: at most one open connection among hubs that were not robbed */
#define CHECK_I1   assert(!(OPEN(0) && OPEN(1)))

inline sendPing(h) {
#ifdef NOPING
  skip
#else
  if
  :: H[1-h].alive && H[1-h].sub -> H[1-h].ping = 1
  :: H[1-h].alive && !H[1-h].sub -> skip
#ifdef PINGLOSS
  :: H[1-h].alive -> skip                         /* lost */
#endif
  :: !H[1-h].alive -> skip
  fi
#endif
}

inline clearMem(h) {
  H[h].conn=0; H[h].rpos=0; H[h].rseq=0; H[h].fetched=0; H[h].bufN=0; H[h].bufS=0;
  H[h].bufE[0]=0; H[h].bufE[1]=0; H[h].term=0; H[h].fresh=0; H[h].ep=0; H[h].mstop=0; H[h].fwd=0
}
inline clearTx(h) {
  H[h].tx=0; H[h].txN=0; H[h].txS=0; H[h].txE[0]=0; H[h].txE[1]=0; H[h].txT=0; H[h].txH=0
}
/* the one way out of OWN: close, drop what was not committed, and take over
 * again if the lock is still mine, else follow                               */
inline stepDown(h) {
  clearMem(h);
  if
  :: own == h -> H[h].role = LOCKED
  :: else     -> H[h].role = FOLLOW; H[h].lost = 0
  fi
}
inline release(h) {
  clearMem(h); H[h].role = FOLLOW; H[h].lost = 0; H[h].yield = 0; H[h].told = 0;
#ifdef KEEPLOCK
  if :: own == h && sState == LIVE -> own = FREE :: else fi
#else
  if :: own == h -> own = FREE :: else fi
#endif
}

/* read the row (get in a readonly transaction) and act on it */
#define STALE(h) (H[h].kst != sState || H[h].kin != sIntent || H[h].kver != sVer || \
                  (H[h].role != OWN && H[h].head != sHead) || \
                  (H[h].role == OWN && !H[h].fresh && H[h].ep != sEpoch))
inline learn(h) {
  H[h].kst = sState; H[h].kin = sIntent; H[h].kver = sVer;
#ifdef MIXED
  if :: H[h].role != OWN -> H[h].head = sHead :: else fi      /* owner keeps its own idea of the head */
#else
  H[h].head = sHead            /* head and status out of one snapshot */
#endif
}
#ifdef NOFENCE
#define FENCED(h) (0)
#else
#define FENCED(h) (!H[h].fresh && H[h].ep != sEpoch)
#endif
inline readRow(h) {
  learn(h);
  if
  :: H[h].role == OWN && (FENCED(h) || sIntent != V_NONE || sState != LIVE) -> stepDown(h)
  :: else
  fi
}

/* the append transaction: one atomic step, whoever is alive by then */
#ifdef NOFENCE
#define EPOCH_OK(h) (1)
#else
#ifdef TOCTOU
#define EPOCH_OK(h) (1)
#else
#ifdef EPOCH_LATE
#define EPOCH_OK(h) ((H[h].fresh && sEpoch < H[h].ep) || (!H[h].fresh && sEpoch == H[h].ep))
#else
#define EPOCH_OK(h) (sEpoch == H[h].ep)
#endif
#endif
#endif
#ifdef CASPOS
#define CAS_OK(h) (H[h].txS == sPos)
#else
#define CAS_OK(h) (1)
#endif
#if VERB == 2
#define INTENT_OK (sIntent == V_NONE)
#else
#define INTENT_OK (1)
#endif

inline applyTx(h) {
  if
  :: EPOCH_OK(h) && CAS_OK(h) && INTENT_OK && sState == LIVE ->
#ifndef NO_TAKER
       assert(gTaker == h);                   /* no zombie data after a takeover (I7) */
#endif
       assert(!gCan);                         /* nothing is committed after cancel    */
       assert(!gStop);                        /* nothing is committed after stop      */
       assert(H[h].txS == sPos);              /* log: no duplicate, no hole (I3)      */
       if :: H[h].txN > 0 -> sHead++; logE[sHead] = H[h].txE[0]; sPos = H[h].txE[0] :: else fi;
       if :: H[h].txN > 1 -> sHead++; logE[sHead] = H[h].txE[1]; sPos = H[h].txE[1] :: else fi;
       if
       :: H[h].txT -> assert(sPos == K); sState = DONE    /* I4 */
       :: else
       fi;
#ifdef EPOCH_LATE
       sEpoch = H[h].ep; H[h].fresh = 0;
#endif
       H[h].tx = 2; H[h].txH = sHead
  :: else -> H[h].tx = 3
  fi
}

/* ------------------------------ a hub ------------------------------------ */
#ifdef NODELIVER
#define DELIVERS 0
#define TABOK(t) (T[t].port >= P_UP)
#else
#define DELIVERS 1
#define TABOK(t) (T[t].port == P_CLOSED || T[t].port == P_UP && T[t].nxt == sHead + 1 && T[t].pos == sPos && T[t].shown == sState)
#endif
#if defined(RELEASE_EARLY) || defined(RELEASE_TX)
#define QUIET(h) (1)
#else
#define QUIET(h) (H[h].tx == 0)
#endif
#ifdef NONRES
#define MAYFETCH(h) (!H[h].fetched)
#else
#define MAYFETCH(h) (1)
#endif
#ifdef REPOST
#define MUST_NOT_POST (sSent && sHead > 0)
#else
#define MUST_NOT_POST (sSent)
#endif
#ifdef EARLY_RECONNECT
#define MAY_REACH_DYING(t) (1)
#else
#define MAY_REACH_DYING(t) (T[t].fresh)
#endif
#if STUCKS > 0
#define RUN(h) (H[h].alive && !H[h].stuck)
#else
#define RUN(h) (H[h].alive)
#endif
#define WANT(h) (H[h].kst == LIVE || (VERB == 2 && H[h].kin != V_NONE))
#define ATT(h,t) (T[t].hub == h && T[t].port == P_UP && T[t].pboot == H[h].boot)

#ifdef DELIVER_EARLY
#define AVAIL(h) (H[h].role==OWN && H[h].rseq > H[h].head -> H[h].rseq : H[h].head)
#else
#define AVAIL(h) (H[h].head)
#endif

inline dropMsg(t) { T[t].mst=0; T[t].mfrom=0; T[t].mto=0; T[t].mS=0; T[t].mE=0; T[t].mstate=0 }

inline showBatch(t, upto, start_, end_) {
  assert(start_ == T[t].pos);                    /* I3: what follows fits what is shown */
  T[t].nxt = upto + 1; T[t].pos = end_;
#ifndef NO_I2ASSERT
  assert(T[t].nxt - 1 <= sHead);                /* I2: visible means durable           */
  assert(logE[T[t].nxt-1] == T[t].pos)          /* I3: a prefix of the log             */
#endif
}

inline doDeliver(h,t) {
  T[t].mst = 1; T[t].mfrom = T[t].nxt; T[t].mto = AVAIL(h); T[t].mstate = H[h].kst;
  T[t].mS = logE[(T[t].nxt-1 <= sHead -> T[t].nxt-1 : 0)];
#ifdef DELIVER_EARLY
  T[t].mS = T[t].pos;
  if :: AVAIL(h) > H[h].head -> T[t].mE = H[h].rpos :: else -> T[t].mE = logE[T[t].mto]; T[t].mS = logE[T[t].nxt-1] fi
#else
  T[t].mE = logE[T[t].mto]
#endif
#ifdef SYNCTAB
  if :: T[t].mto >= T[t].mfrom -> showBatch(t, T[t].mto, T[t].mS, T[t].mE) :: else fi;
  T[t].shown = T[t].mstate;
  assert(T[t].shown != DONE || T[t].nxt == sHead + 1);
  dropMsg(t)
#endif
}

/* a verb arrives at hub h from tab t */
inline onVerb(h,t) {
#if VERB == 2
  /* one transaction: record the intent, whoever I am */
  if
  :: T[t].v == V_STOP ->
     if
     :: sState != LIVE || sIntent == V_CANCEL -> T[t].vst = (sIntent == V_CANCEL -> 2 : 3); T[t].vnum = sVer
     :: sState == LIVE && sIntent != V_CANCEL ->
        if
        :: sIntent == V_STOP -> T[t].vst = 2; T[t].vnum = sVer; sSeen[t] = (RETRY == 2)
        :: sIntent != V_STOP && RETRY == 2 && sSeen[t] -> T[t].vst = 3   /* was applied before */
        :: else -> sIntent = V_STOP; sVer++; gApplied[t]++; sSeen[t] = (RETRY == 2);
                   T[t].vst = 2; T[t].vnum = sVer
        fi
     fi
  :: T[t].v == V_RESUME ->
#ifdef NONRES
     T[t].vst = 3
#else
     if
     :: sIntent == V_CANCEL || sState == CANCELLED || sState == DONE -> skip        /* refused */
     :: sIntent == V_STOP && sState == LIVE -> sIntent = V_NONE; sVer++              /* withdraws */
     :: sIntent == V_NONE && sState == LIVE -> skip
     :: sIntent != V_CANCEL && (sState == STOPPED || sState == DISC) -> sState = LIVE; sVer++; gStop = 0
     fi;
     T[t].vst = 3
#endif
  :: T[t].v == V_CANCEL ->
     if
     :: sState == DONE || sState == CANCELLED -> T[t].vst = 3
     :: else -> sIntent = V_CANCEL; sVer++; T[t].vst = 2; T[t].vnum = sVer
     fi
  fi;
  readRow(h);
  H[h].owe = 1
#endif
#if VERB == 3
  /* one transaction: write the end state and raise the epoch (fences the owner) */
  if
  :: T[t].v == V_STOP ->
     if :: sState == LIVE && !(RETRY == 2 && sSeen[t]) ->
             sState = STOPPED; sEpoch++; sVer++; gApplied[t]++; sSeen[t] = (RETRY == 2)
        :: else fi
  :: T[t].v == V_RESUME ->
#ifndef NONRES
     if :: sState == STOPPED || sState == DISC -> sState = LIVE; sEpoch++; sVer++; gStop = 0 :: else fi
#else
     skip
#endif
  :: T[t].v == V_CANCEL ->
     if :: sState != DONE && sState != CANCELLED -> sState = CANCELLED; sEpoch++; sVer++; H[h].tell = 1
        :: else fi
  fi;
  T[t].vst = 3;
  readRow(h);
  H[h].owe = 1
#endif
#ifndef OWE                  /* the ping leaves together with the commit ... */
  if :: H[h].owe -> H[h].owe = 0; sendPing(h) :: else fi;
#endif
#if VERB == 1 || VERB == 4
  /* stop lives in the owner's memory; a follower forwards it once over BroadcastChannel */
  if
  :: H[h].role == OWN -> H[h].mstop = 1; H[h].conn = 0; H[h].bufN = 0; H[h].term = 0
  :: H[h].role != OWN && H[1-h].alive -> H[1-h].fwd = 1
  :: H[h].role != OWN && !H[1-h].alive -> skip
  fi;
  T[t].vst = (VERB == 1 && H[h].role == OWN -> 3 : 2)
#endif
  T[t].vres = sState
}

proctype hubP(byte h) {
end:
  do
  /* --- ownership ------------------------------------------------------- */
  :: atomic { RUN(h) && H[h].role == FOLLOW && WANT(h) && own == FREE && !H[h].yield && QUIET(h) -> own = h; H[h].role = LOCKED }

#ifdef RECOVER_STEAL
  :: atomic { RUN(h) && H[h].role == FOLLOW && WANT(h) && own == 1-h && H[1-h].stuck ->
       own = h; H[h].role = LOCKED; H[1-h].lost = 1 }
#endif
  /* takeover transaction: read position, state and intent, raise the epoch.
   * The one place where an owner decides what to do.                       */
  :: atomic { RUN(h) && H[h].role == LOCKED && H[h].tx == 0 && !H[h].yield ->
       clearMem(h);
       if
       :: sState != LIVE && sIntent == V_NONE -> learn(h); release(h)
       :: sIntent == V_STOP && sState == LIVE ->
            sEpoch++; sState = STOPPED; sIntent = V_NONE; learn(h); sendPing(h); release(h)
       :: sIntent == V_STOP && sState != LIVE -> sIntent = V_NONE; learn(h); sendPing(h); release(h)
       :: sIntent == V_CANCEL && !H[h].told -> upCancel = 1; H[h].told = 1
       :: sIntent == V_CANCEL && H[h].told ->
            sEpoch++; sState = CANCELLED; sIntent = V_NONE; learn(h); sendPing(h); release(h)
       :: sState == LIVE && sIntent == V_NONE ->
#ifdef NONRES
            if
            :: MUST_NOT_POST -> sEpoch++; sState = DISC; learn(h); sendPing(h); release(h); goto again
            :: else -> sSent = 1
            fi;
#endif
#ifdef EPOCH_LATE
            H[h].ep = sEpoch + 1; H[h].fresh = 1;
#else
            sEpoch++; H[h].ep = sEpoch;
#endif
            gTaker = h;
#ifdef STRICT_TAKER
            assert(own == h);            /* who raises the epoch holds the lock */
#endif
#ifdef STALE_TAKEOVER       /* position from an earlier read, not from this transaction */
            H[h].rpos = logE[H[h].head]; H[h].bufS = H[h].rpos; H[h].kst = sState; H[h].kin = sIntent; H[h].kver = sVer;
#else
            H[h].rpos = sPos; H[h].bufS = sPos; learn(h); H[h].head = sHead;
#endif
            H[h].role = OWN;
#ifdef DELIVER_EARLY
            H[h].rseq = sHead
#endif

       fi;
again: skip }

  /* --- upstream --------------------------------------------------------- */
  :: atomic { RUN(h) && H[h].role == OWN && !H[h].conn && !H[h].term && !H[h].yield && !H[h].mstop && MAYFETCH(h) ->
#ifdef RECON_COMMITTED
       H[h].rpos = sPos; H[h].bufN = 0;     /* forgets the buffer, but not the commit in flight */
#endif
#ifndef WEAKSTOP
       if :: !ZOMBIE(h) -> assert(!gStop && !gCan) :: else fi;
#endif
       H[h].conn = 1; H[h].fetched = 1; posts++;
#ifdef NONRES
       assert(posts <= 1);
#else
       posts = 0;
#endif
       CHECK_I1 }
#ifdef NONRES
  /* a cut POST: flush what was received, then disconnected */
  :: atomic { RUN(h) && H[h].role == OWN && !H[h].conn && !H[h].term && H[h].fetched &&
              H[h].bufN == 0 && H[h].tx == 0 && !H[h].yield ->
       if
       :: EPOCH_OK(h) && INTENT_OK && sState == LIVE -> sState = DISC; learn(h); sendPing(h); release(h)
       :: else -> readRow(h); stepDown(h)
       fi }
#endif
  :: atomic { RUN(h) && H[h].conn && H[h].rpos < K && H[h].bufN < BUF && !silent ->
       if :: H[h].bufN == 0 -> H[h].bufS = H[h].rpos :: else fi;
       if
       :: H[h].rpos++
#ifdef FRAMES
       :: H[h].rpos + 2 <= K -> H[h].rpos = H[h].rpos + 2
#endif
       fi;
       H[h].bufE[H[h].bufN] = H[h].rpos; H[h].bufN++;
#ifdef DELIVER_EARLY
       H[h].rseq++
#endif
     }
  :: atomic { RUN(h) && H[h].conn && H[h].rpos == K && !silent -> H[h].term = 1; H[h].conn = 0 }

  /* --- journal: one transaction in flight ------------------------------- */
  :: atomic { RUN(h) && H[h].role == OWN && H[h].tx == 0 && (H[h].bufN > 0 || H[h].term) && !H[h].mstop ->
       H[h].txN = H[h].bufN; H[h].txE[0] = H[h].bufE[0]; H[h].txE[1] = H[h].bufE[1];
       H[h].txS = (H[h].bufN > 0 -> H[h].bufS : H[h].rpos); H[h].txT = H[h].term;
       H[h].bufN = 0; H[h].bufE[0] = 0; H[h].bufE[1] = 0; H[h].bufS = H[h].rpos;
#ifdef TOCTOU
       H[h].tx = (sEpoch == H[h].ep -> 1 : 3)
#else
       H[h].tx = 1
#endif
     }
  :: atomic { H[h].tx == 1 -> applyTx(h) }
  :: atomic { !H[h].alive && H[h].tx >= 1 -> clearTx(h) }     /* died: aborted, or nobody hears */
  :: atomic { RUN(h) && H[h].tx == 2 ->                    /* tx.done */
       if :: H[h].head < H[h].txH -> H[h].head = H[h].txH :: else fi;
       if
       :: H[h].txT -> clearTx(h);
            if :: H[h].role == OWN -> H[h].kst = DONE; release(h) :: else fi
       :: else -> clearTx(h)
       fi;
       sendPing(h) }
  :: atomic { RUN(h) && H[h].tx == 3 -> clearTx(h); readRow(h);
       if :: H[h].role == OWN -> stepDown(h) :: else fi }

  /* --- news: ping, poll, lock lost --------------------------------------- */
#ifdef OWE                   /* ... or a moment later, if the hub lives until then */
  :: atomic { RUN(h) && H[h].owe -> H[h].owe = 0; sendPing(h) }
#endif
#ifdef LATE_SUB
  :: atomic { RUN(h) && !H[h].sub && H[h].kst != NOTHING -> H[h].sub = 1 }
#endif
#ifdef SPLITREAD
  :: atomic { RUN(h) && H[h].ping && !H[h].rd -> H[h].ping = 0; H[h].rd = 1;
       H[h].rHead = sHead; H[h].rSt = sState; H[h].rIn = sIntent; H[h].rVer = sVer }
  :: atomic { RUN(h) && H[h].rd -> H[h].rd = 0;
       if
       :: H[h].role == FOLLOW && H[h].rHead >= H[h].head ->
            H[h].head = H[h].rHead; H[h].kst = H[h].rSt; H[h].kin = H[h].rIn; H[h].kver = H[h].rVer
       :: H[h].role == OWN -> readRow(h)
       :: else
       fi;
#ifdef NODIRTY
       H[h].ping = 0;
#endif
       H[h].rHead = 0; H[h].rSt = 0; H[h].rIn = 0; H[h].rVer = 0 }
#else
  :: atomic { RUN(h) && H[h].ping -> H[h].ping = 0; readRow(h) }
#endif
#ifdef POLL
  :: atomic { RUN(h) && !H[h].ping && H[h].tx == 0 && STALE(h) -> readRow(h) }
#endif
#ifdef REPING
#ifdef REPING_CALLER
#define MUST_REPING(h) ((T[0].vst == 2 && ATT(h,0)) || (T[NT-1].vst == 2 && ATT(h,NT-1)))
#else
#define MUST_REPING(h) (H[h].kin != V_NONE)
#endif
  :: atomic { RUN(h) && H[1-h].alive && !H[1-h].ping && STALE(1-h) && MUST_REPING(h) -> H[1-h].ping = 1 }
  :: atomic { RUN(h) && !H[h].ping && STALE(h) && H[h].tx == 0 && MUST_REPING(h) -> readRow(h) }
#endif
  :: atomic { RUN(h) && H[h].lost -> H[h].lost = 0;
       if :: own != h && H[h].role != FOLLOW -> stepDown(h) :: else fi }

  /* --- voluntary release -------------------------------------------------- */
#ifdef RELEASE_EARLY
  :: atomic { RUN(h) && H[h].yield == 1 && own == h -> own = FREE; H[h].lost = 0 }
  :: atomic { RUN(h) && H[h].yield == 1 && own != h -> H[h].yield = 0;
       if :: H[h].role != FOLLOW -> stepDown(h) :: else fi }
#else
  :: atomic { RUN(h) && H[h].yield && QUIET(h) ->
       if :: own == h -> release(h) :: else -> H[h].yield = 0; if :: H[h].role != FOLLOW -> stepDown(h) :: else fi fi }
#endif

  /* --- tabs ----------------------------------------------------------------- */
  :: atomic { RUN(h) && T[0].hub == h && T[0].port == P_HELLO && T[0].pboot == H[h].boot ->
       T[0].port = P_UP; T[0].fresh = 0; readRow(h) }
  :: atomic { RUN(h) && ATT(h,0) && DELIVERS && T[0].mst == 0 && (AVAIL(h) >= T[0].nxt || H[h].kst != T[0].shown) -> doDeliver(h,0) }
  :: atomic { RUN(h) && ATT(h,0) && T[0].vst == 1 -> onVerb(h,0) }
#if VERB == 2
  :: atomic { RUN(h) && ATT(h,0) && T[0].vst == 2 && (T[0].v == V_CANCEL -> (H[h].kst == CANCELLED || H[h].kst == DONE) : (H[h].kst != LIVE || H[h].kver > T[0].vnum)) -> T[0].vst = 3; T[0].vres = H[h].kst }
#endif
#if VERB == 1 || VERB == 4
  :: atomic { RUN(h) && ATT(h,0) && T[0].vst == 2 && H[h].kst != LIVE -> T[0].vst = 3; T[0].vres = H[h].kst }
#endif
#if NT > 1
  :: atomic { RUN(h) && T[1].hub == h && T[1].port == P_HELLO && T[1].pboot == H[h].boot ->
       T[1].port = P_UP; T[1].fresh = 0; readRow(h) }
  :: atomic { RUN(h) && ATT(h,1) && DELIVERS && T[1].mst == 0 && (AVAIL(h) >= T[1].nxt || H[h].kst != T[1].shown) -> doDeliver(h,1) }
  :: atomic { RUN(h) && ATT(h,1) && T[1].vst == 1 -> onVerb(h,1) }
#if VERB == 2
  :: atomic { RUN(h) && ATT(h,1) && T[1].vst == 2 && (T[1].v == V_CANCEL -> (H[h].kst == CANCELLED || H[h].kst == DONE) : (H[h].kst != LIVE || H[h].kver > T[1].vnum)) -> T[1].vst = 3; T[1].vres = H[h].kst }
#endif
#if VERB == 1 || VERB == 4
  :: atomic { RUN(h) && ATT(h,1) && T[1].vst == 2 && H[h].kst != LIVE -> T[1].vst = 3; T[1].vres = H[h].kst }
#endif
#endif
#if VERB == 1 || VERB == 4
  :: atomic { RUN(h) && H[h].fwd -> H[h].fwd = 0;
       if :: H[h].role == OWN -> H[h].mstop = 1; H[h].conn = 0; H[h].bufN = 0; H[h].term = 0 :: else fi }
  :: atomic { RUN(h) && H[h].mstop && H[h].role == OWN && H[h].tx == 0 ->
       if :: sEpoch == H[h].ep && sState == LIVE -> sState = STOPPED :: else fi;
       learn(h); sendPing(h); release(h) }
#endif
#if VERB == 3
  :: atomic { RUN(h) && H[h].tell -> H[h].tell = 0; upCancel = 1 }
#endif

  /* --- death: locks stay held until the browser has reaped the worker ------- */
  :: atomic { H[h].dying -> H[h].dying = 0; H[h].role = FOLLOW;
       if :: own == h -> own = FREE :: else fi }
  od
}

/* ------------------------------ a tab ------------------------------------- */
#ifdef EARLY_RECONNECT     /* death noticed by a missed answer, the lock still being held */
#define SILENTLY_GONE(t) (H[T[t].hub].dying)
#else
#define SILENTLY_GONE(t) (0)
#endif
#define GONE(t) (T[t].pboot != H[T[t].hub].boot || (!H[T[t].hub].alive && !H[T[t].hub].dying))

inline startHub(h) {
  H[h].alive = 1; H[h].boot++; H[h].role = FOLLOW; H[h].ping = 0; H[h].lost = 0; H[h].yield = 0;
  H[h].head = 0; H[h].kst = NOTHING; H[h].kin = V_NONE; H[h].kver = 0; H[h].told = 0; H[h].tell = 0;
  H[h].rd = 0; H[h].rHead = 0; H[h].rSt = 0; H[h].rIn = 0; H[h].rVer = 0;
#ifdef LATE_SUB
  H[h].sub = 0;
#else
  H[h].sub = 1;
#endif
  clearMem(h)
}
proctype tabP(byte t) {
  byte x;
end:
  do
  :: atomic { T[t].port == P_NONE && H[T[t].hub].alive -> T[t].port = P_HELLO; T[t].pboot = H[T[t].hub].boot }
  :: atomic { T[t].port == P_NONE && !H[T[t].hub].alive && !H[T[t].hub].dying && H[T[t].hub].tx == 0 ->
       x = T[t].hub; startHub(x); T[t].port = P_HELLO; T[t].pboot = H[x].boot; x = 0 }
  /* new SharedWorker() may still reach the dying one: its hello goes nowhere.
   * A freshly loaded page knows no lock that it could wait for.              */
  :: atomic { T[t].port == P_NONE && H[T[t].hub].dying && MAY_REACH_DYING(t) -> T[t].port = P_HELLO; T[t].pboot = H[T[t].hub].boot }
#ifndef NO_DEADLINE
  :: atomic { T[t].port == P_HELLO && GONE(t) -> T[t].port = P_NONE; T[t].pboot = 0 }
#endif
#ifdef RECOVER_STEAL
  :: atomic { T[t].port != P_NONE && T[t].port != P_CLOSED && H[T[t].hub].stuck && !GONE(t) && !H[1-T[t].hub].stuck ->
       dropMsg(t); T[t].port = P_NONE; T[t].pboot = 0; T[t].hub = 1 - T[t].hub;
       if :: T[t].vst != 0 -> T[t].vnum = 0; T[t].vres = 0; T[t].vst = 0; T[t].v = V_NONE; gApplied[t] = 0 :: else fi }
#endif
  /* the hub's lock came free: reject what is pending, close the port, start again */
  :: atomic { T[t].port == P_UP && (GONE(t) || SILENTLY_GONE(t)) ->
       T[t].port = P_NONE;
#ifdef OLDPORT
       if :: T[t].mst == 1 -> T[t].ost=1; T[t].ofrom=T[t].mfrom; T[t].oto=T[t].mto; T[t].oS=T[t].mS; T[t].oE=T[t].mE :: else fi;
#endif
       dropMsg(t); T[t].pboot = 0;
       if
       :: T[t].vst == 1 || T[t].vst == 2 -> T[t].vnum = 0; T[t].vres = 0;
            if :: RETRY == 0 -> T[t].vst = 0; T[t].v = V_NONE :: else -> T[t].vst = 1 fi
       :: T[t].vst == 3 -> T[t].vst = 0; T[t].v = V_NONE; T[t].vnum = 0; T[t].vres = 0
       :: else
       fi }
  :: atomic { T[t].mst == 1 ->
#ifdef NOSEQ
       if :: T[t].mto >= T[t].mfrom -> showBatch(t, T[t].mto, T[t].mS, T[t].mE) :: else fi;
       T[t].shown = T[t].mstate;
#else
       if
       :: T[t].mfrom == T[t].nxt ->
            if :: T[t].mto >= T[t].mfrom -> showBatch(t, T[t].mto, T[t].mS, T[t].mE) :: else fi;
            T[t].shown = T[t].mstate
       :: else ->                                  /* not my next: drop, ask again */
#ifdef STATUS_ANYWAY
            T[t].shown = T[t].mstate               /* ... but believe its status   */
#else
            skip
#endif
       fi;
#endif
       assert(T[t].shown != DONE || T[t].nxt == sHead + 1);  /* never "done" with chunks missing */
       dropMsg(t) }
#ifdef OLDPORT
  :: atomic { T[t].ost -> 
       if
#ifndef NOSEQ
       :: T[t].ofrom == T[t].nxt && T[t].oto >= T[t].ofrom -> showBatch(t, T[t].oto, T[t].oS, T[t].oE)
       :: else
#else
       :: T[t].oto >= T[t].ofrom -> showBatch(t, T[t].oto, T[t].oS, T[t].oE)
       :: else
#endif
       fi;
       T[t].ost=0; T[t].ofrom=0; T[t].oto=0; T[t].oS=0; T[t].oE=0 }
#endif
  :: atomic { T[t].vst == 3 ->                         /* the call returns */
#if VERB == 1
       if :: T[t].v == V_STOP && sState != DONE -> gStop = 1 :: else fi;
#else
       if
       :: T[t].v == V_STOP && T[t].vres == STOPPED && sState == STOPPED -> gStop = 1
       :: else
       fi;
#endif
       if :: T[t].v == V_CANCEL && T[t].vres == CANCELLED -> gCan = 1 :: else fi;
#ifndef WEAKSTOP
       if :: gStop || gCan -> assert(!OPEN(0) && !OPEN(1)) :: else fi;
#endif
       assert(gApplied[t] <= 1);
       gApplied[t] = 0; sSeen[t] = 0;
       T[t].v = V_NONE; T[t].vst = 0; T[t].vnum = 0; T[t].vres = 0 }
  od
}

/* ------------------------------ faults ------------------------------------ */
inline kill(h) {
  H[h].alive = 0; H[h].dying = 1; H[h].conn = 0;
  H[h].bufN=0; H[h].bufS=0; H[h].bufE[0]=0; H[h].bufE[1]=0; H[h].term=0; H[h].rpos=0; H[h].rseq=0; H[h].fetched=0;
  H[h].mstop=0; H[h].fwd=0; H[h].told=0; H[h].tell=0; H[h].owe=0; H[h].stuck=0; H[h].ping=0; H[h].yield=0; H[h].lost=0;
  H[h].rd=0; H[h].rHead=0; H[h].rSt=0; H[h].rIn=0; H[h].rVer=0;
  H[h].head=0; H[h].kst=NOTHING; H[h].kin=0; H[h].kver=0
}
byte kills = KILLS, steals = STEALS, drops = DROPS, reloads = RELOADS, yields = YIELDS, closes = CLOSES, stucks = STUCKS;

inline reload(t) {
  T[t].port = P_NONE; T[t].fresh = 1; T[t].pboot = 0; dropMsg(t);
  T[t].ost=0; T[t].ofrom=0; T[t].oto=0; T[t].oS=0; T[t].oE=0;
  T[t].shown = NOTHING;
  if :: T[t].nxt = 1; T[t].pos = 0 :: skip fi;        /* from 1, or from the stored seq */
  if :: T[t].hub = 0 :: T[t].hub = 1 fi                /* may get the new version       */
}

proctype chaos() {
  do
  :: atomic { kills > 0 && H[0].alive -> kill(0); kills-- }
  :: atomic { kills > 0 && H[1].alive -> kill(1); kills-- }
#if STEALS > 0
  :: atomic { steals > 0 && own == 0 && H[1].alive && H[1].role == FOLLOW -> steals--;
       own = 1; H[1].role = LOCKED; H[1].lost = 0; if :: H[0].alive -> H[0].lost = 1 :: else fi }
  :: atomic { steals > 0 && own == 1 && H[0].alive && H[0].role == FOLLOW -> steals--;
       own = 0; H[0].role = LOCKED; H[0].lost = 0; if :: H[1].alive -> H[1].lost = 1 :: else fi }
#endif
#if DROPS > 0
  :: atomic { drops > 0 && H[0].conn -> drops--; H[0].conn = 0;
#ifdef EOF_IS_DONE
       H[0].term = 1
#endif
     }
  :: atomic { drops > 0 && H[1].conn -> drops--; H[1].conn = 0;
#ifdef EOF_IS_DONE
       H[1].term = 1
#endif
     }
#endif
#if RELOADS > 0
  :: atomic { reloads > 0 && T[0].vst == 0 && (T[0].port == P_HELLO || T[0].port == P_UP) -> reloads--; reload(0) }
#if NT > 1
  :: atomic { reloads > 0 && T[1].vst == 0 && (T[1].port == P_HELLO || T[1].port == P_UP) -> reloads--; reload(1) }
#endif
#endif
#if STUCKS > 0
  :: atomic { stucks > 0 && H[0].alive && !H[0].stuck -> stucks--; H[0].stuck = 1 }
  :: atomic { stucks > 0 && H[1].alive && !H[1].stuck -> stucks--; H[1].stuck = 1 }
  :: atomic { H[0].stuck -> H[0].stuck = 0 }
  :: atomic { H[1].stuck -> H[1].stuck = 0 }
#endif
#if CLOSES > 0
  :: atomic { closes > 0 && T[0].port != P_CLOSED -> closes--; dropMsg(0); T[0].port = P_CLOSED; T[0].pboot = 0;
       T[0].v = V_NONE; T[0].vst = 0; T[0].vnum = 0; T[0].vres = 0; T[0].shown = 0; T[0].nxt = 1; T[0].pos = 0; gApplied[0] = 0 }
#endif
#if YIELDS > 0
  :: atomic { yields > 0 && H[0].alive && H[0].role != FOLLOW && own == 0 -> yields--; H[0].yield = 1; 
#ifndef RELEASE_EARLY
       H[0].conn = 0; H[0].bufN = 0; H[0].term = 0
#endif
     }
  :: atomic { yields > 0 && H[1].alive && H[1].role != FOLLOW && own == 1 -> yields--; H[1].yield = 1;
#ifndef RELEASE_EARLY
       H[1].conn = 0; H[1].bufN = 0; H[1].term = 0
#endif
     }
#endif
#ifdef SILENT
  :: atomic { !silent -> silent = 1 }
#endif
  :: break
  od;
  kills = 0; steals = 0; drops = 0; reloads = 0; yields = 0; closes = 0; stucks = 0
}

/* ------------------------------ the user ----------------------------------- */
byte stops = STOPS, resumes = RESUMES, cancels = CANCELS;
#define CAN(t) (T[t].vst == 0 && T[t].port == P_UP)
proctype user() {
  do
#if STOPS > 0
  :: atomic { stops > 0 && CAN(0) -> stops--; T[0].v = V_STOP; T[0].vst = 1 }
#if NT > 1
  :: atomic { stops > 0 && CAN(1) -> stops--; T[1].v = V_STOP; T[1].vst = 1 }
#endif
#endif
#if RESUMES > 0
  :: atomic { resumes > 0 && CAN(0) -> resumes--; T[0].v = V_RESUME; T[0].vst = 1 }
#if NT > 1
  :: atomic { resumes > 0 && CAN(1) -> resumes--; T[1].v = V_RESUME; T[1].vst = 1 }
#endif
#endif
#if CANCELS > 0
  :: atomic { cancels > 0 && CAN(0) -> cancels--; T[0].v = V_CANCEL; T[0].vst = 1 }
#if NT > 1
  :: atomic { cancels > 0 && CAN(1) -> cancels--; T[1].v = V_CANCEL; T[1].vst = 1 }
#endif
#endif
  :: break
  od;
  stops = 0; resumes = 0; cancels = 0
}

/* ------------------------------ liveness: nothing moves any more ------------ */
/* for LTL: the goal as one formula */
#define GOAL (sState != LIVE && !H[0].conn && !H[1].conn && sIntent == V_NONE && \
              T[0].vst == 0 && T[NT-1].vst == 0 && TABOK(0) && TABOK(NT-1))
#ifdef LTL
ltl live { <> [] GOAL }
#endif
proctype monitor() {
#ifdef LTL
end: do :: true -> skip od      /* time goes on: -f does not see a bad end state that only stutters */
#else
  timeout ->
  if
  :: silent && sState == LIVE && sIntent == V_NONE ->            /* upstream hangs, nobody objected */
    assert(T[0].vst == 0 && T[NT-1].vst == 0);
#ifndef NODELIVER
    assert(TABOK(0) && TABOK(NT-1))                              /* but all see all there is        */
#else
    skip
#endif
  :: else ->
    assert(sState != LIVE);                                      /* the stream came to an end       */
    assert(!(sState == DONE) || (sPos == K));
    assert((!H[0].conn || H[0].stuck) && (!H[1].conn || H[1].stuck)); /* and so did the connection  */
    assert(sIntent == V_NONE);
    assert(!(sState == CANCELLED) || upCancel);                  /* the producer was told           */
    assert(!gStop || sState != DONE);                            /* stop did not turn into done     */
#ifndef WEAKSTOP
    assert(!gStop || sState == STOPPED || sState == CANCELLED);
#endif
    assert(T[0].port >= P_UP);                                   /* I8: no tab hangs in the handshake */
    assert(T[NT-1].port >= P_UP);
    assert(T[0].vst == 0 && T[NT-1].vst == 0);                   /* I8: no verb hangs                 */
    assert(TABOK(0));                                            /* all chunks and the ending shown   */
    assert(TABOK(NT-1))
  fi
#endif
}

init {
  atomic {
    sState = LIVE;
    H[0].kst = NOTHING; H[1].kst = NOTHING;
    T[0].nxt = 1; T[0].shown = NOTHING; T[0].fresh = 1; T[0].hub = 0;
#if NT > 1
    T[1].nxt = 1; T[1].shown = NOTHING; T[1].fresh = 1;
    if :: T[1].hub = 0 :: T[1].hub = 1 fi;
#endif
#ifdef UP
    H[0].alive = 1; H[1].alive = 1; H[0].sub = 1; H[1].sub = 1; H[0].kst = LIVE; H[1].kst = LIVE;
    T[0].port = P_UP; T[0].fresh = 0; T[0].shown = LIVE;
#if NT > 1
    T[1].port = P_UP; T[1].fresh = 0; T[1].shown = LIVE;
#endif
#endif
    run hubP(0); run hubP(1); run tabP(0);
#if NT > 1
    run tabP(1);
#endif
    run chaos(); run user(); run monitor()
  }
}
