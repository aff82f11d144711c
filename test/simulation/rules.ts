/** Rules that keep promises, each with how to take it out of a copy of the sources. */
export type Rule = {
  name: string;
  file: string;
  /** Stands once in the file, and apart from those of other rules, so that two can be taken out together. */
  text: string;
  without: string;
};

export const rules: Rule[] = [
  {
    name: 'a result counts only with the epoch of now',
    file: 'control/finish.ts',
    text: 'task.epoch !== epoch',
    without: 'false',
  },
  {
    name: 'a result counts only from the holder',
    file: 'control/finish.ts',
    text: 'task.workerId !== workerId',
    without: 'false',
  },
  {
    name: 'what was answered once is answered again',
    file: 'control/finish.ts',
    text: '(await tx.attempts.get(taskId, epoch))?.workerId === workerId ? null : lostTask()',
    without: 'lostTask()',
  },
  {
    name: 'a task that was called back ends as called back',
    file: 'control/outcomes/settle.ts',
    text: 'task.order !== null',
    without: 'false',
  },
  {
    name: 'only an active download takes a result',
    file: 'control/outcomes/settle.ts',
    text: "download.state !== 'active'",
    without: 'false',
  },
  {
    name: 'only an active download completes',
    file: 'core/download.ts',
    text: "completed: { from: ['active']",
    without: 'completed: { from: downloadStates',
  },
  {
    name: 'a note counts only from the holder, with the epoch of now',
    file: 'control/report.ts',
    text: "task?.epoch !== epoch || task.workerId !== workerId || task.status !== 'leased'",
    without: 'task === null',
  },
  {
    name: 'a report of a stale epoch is answered with lost',
    file: 'control/report.ts',
    text: 'if (held?.epoch !== epoch) return',
    without: 'if (held === undefined) return',
  },
  {
    name: 'a task that is called back is told so',
    file: 'control/report.ts',
    text: 'const order = held.order ?? (',
    without: 'const order = (',
  },
  {
    name: 'a task that its worker does not name is taken back',
    file: 'control/report.ts',
    text: 'const forgottenMs = 10_000;',
    without: 'const forgottenMs = 1e15;',
  },
  {
    name: 'a worker that named it a moment ago keeps its task',
    file: 'control/report.ts',
    text: 'const forgottenMs = 10_000;',
    without: 'const forgottenMs = 0;',
  },
  {
    name: 'what a worker holds is read again after some seconds',
    file: 'control/report.ts',
    text: 'const rereadMs = 5000;',
    without: 'const rereadMs = 1e15;',
  },
  {
    name: 'only useless scratch is thrown away',
    file: 'control/report.ts',
    text: '!wanted.has(id)',
    without: 'true',
  },
  {
    name: 'scratch in use is not thrown away, says the control plane',
    file: 'control/report.ts',
    text: '[...session.held.values()].some(({ downloadId }) => downloadId === id)',
    without: "id === ''",
  },
  {
    name: 'scratch in use is not thrown away, says the worker',
    file: 'worker/worker.ts',
    text: 'if (!busy && ',
    without: 'if (',
  },
  {
    name: 'a claim raises the epoch',
    file: 'control/queue/start.ts',
    text: 'task.epoch + 1',
    without: 'task.epoch',
  },
  {
    name: 'a start makes epochs that were never used',
    file: 'control/queue/start.ts',
    text: 'parts.firstEpoch',
    without: '0',
  },
  {
    name: 'silence counts only while somebody looks',
    file: 'control/silence.ts',
    text: 'Math.min(nowMs - lookedAtMonoMs, leaseMs / 3)',
    without: 'nowMs - lookedAtMonoMs',
  },
  {
    name: 'time without the database is no silence',
    file: 'control/silence.ts',
    text: '    miss() {\n      lookedAtMonoMs = clock.mono();',
    without: '    miss() {',
  },
  {
    name: 'who is heard elsewhere is not silent',
    file: 'control/silence.ts',
    text: 'const isHeardElsewhere = ',
    without: 'const isHeardElsewhere = false && ',
  },
  {
    name: 'a worker that was heard meanwhile is not given up',
    file: 'control/sweep.ts',
    text: "worker?.state === 'online' && worker.beat === beat",
    without: "worker?.state === 'online'",
  },
  {
    name: 'a silent worker loses its tasks',
    file: 'control/sweep.ts',
    text: 'if (silent.length === 0) return;',
    without: 'return;',
  },
  {
    name: 'a worker that gets no answer stops by itself',
    file: 'worker/worker.ts',
    text: 'const silentShare = 0.6;',
    without: 'const silentShare = 60;',
  },
  {
    name: 'an older turn of the same work ends before the new one begins',
    file: 'worker/worker.ts',
    text: '.filter((one) => isSameWork(one.claim, claim))',
    without: '.filter(() => false)',
  },
  {
    name: 'a worker that starts holds nothing',
    file: 'control/workers.ts',
    text: 'of await tx.tasks.leasedBy(id)',
    without: 'of [] as Awaited<ReturnType<typeof tx.tasks.leasedBy>>',
  },
  {
    name: 'nothing is given to somebody who has left',
    file: 'control/queue/claims.ts',
    text: 'if (ask.isServed) ask.isLeaving = true;\n          else ask.settle([]);',
    without: 'ask.settle([]);',
  },
  {
    name: 'no more are fetched than the settings say',
    file: 'control/queue/schedule.ts',
    text: 'settings.parallelDownloads - crowd.count()',
    without: 'mostTasks',
  },
  {
    name: 'no more are fetched from a host than its rule says',
    file: 'control/queue/schedule.ts',
    text: "kind === 'fetch' && crowd.isHostFull(task.host)",
    without: 'false',
  },
  {
    name: 'no more are fetched of a user than is allowed',
    file: 'control/queue/crowd.ts',
    text: 'isOwnerFull: (ownerId) => ',
    without: 'isOwnerFull: (ownerId) => false && ',
  },
  {
    name: 'held tasks are looked at when their host has room',
    file: 'control/queue/schedule.ts',
    text: 'hosts.filter((host) => !crowd.isHostFull(host))',
    without: '[] as string[]',
  },
  {
    name: 'held tasks are let go when no rule holds them',
    file: 'control/queue/holding.ts',
    text: 'if (free.length === 0) return;',
    without: 'return;',
  },
  {
    name: 'a download waits for its home only for a while',
    file: 'control/queue/tasks.ts',
    text: 'parts.steadyNow() + homeMs',
    without: 'null',
  },
  {
    name: 'tasks follow when the labels of rules and stages change',
    file: 'control/settings.ts',
    text: 'if (labelsOf(settings) !== labelsOf(before))',
    without: 'if (false)',
  },
  {
    name: 'all replicas count in one time',
    file: 'control/steady-time.ts',
    text: '  steadyTime.reach(storedMs);',
    without: '',
  },
  {
    name: 'waits come to their end',
    file: 'control/queue/due.ts',
    text: 'if (!isAnyDue) return;',
    without: 'return;',
  },
  {
    name: 'a download has one task',
    file: 'control/queue/tasks.ts',
    text: 'if ((await tx.tasks.ofDownload(download.id)) !== null) return;',
    without: '',
  },
  {
    name: 'events between ours are read before ours are told',
    file: 'control/events.ts',
    text: 'if (first.sequence !== told + 1 || isReading)',
    without: 'if (false)',
  },
  {
    name: 'events of others are read although nobody told of them',
    file: 'control/sweep.ts',
    text: '  await parts.events.catchUp();',
    without: '',
  },
  {
    name: 'a key that was seen adds nothing',
    file: 'control/submit.ts',
    text: 'if (earlier !== null) return earlier;',
    without: '',
  },
];
