import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { openFileLimit } from '#wire/process-figures.ts';
import { environment } from '../config.ts';
import { type Finding, finding } from './finding.ts';

const leastNode = 26;
/** A download has up to 32 connections and a few files, and there may be many of them. */
const fewFiles = 4096;
const leastFiles = 256;

export function checkMachine(): Finding[] {
  return [
    checkNode(process.versions.node),
    checkOpenFiles(openFileLimit()),
    checkTemp(tmpdir()),
    checkTimeZone(environment.TZ),
  ];
}

export function checkNode(version: string): Finding {
  const { ok, bad } = finding('Node.js');
  if (Number(version.split('.')[0]) >= leastNode) return ok(`Version ${version} runs this program.`);
  return bad(`Version ${version} is too old. Start the program with ./flotilla, which finds Node.js ${leastNode} or newer.`);
}

export function checkOpenFiles(limit: number | null): Finding {
  const { ok, warn, bad } = finding('Open files');
  if (limit === null) return ok('This system does not tell how many files may be open.');
  const advice = 'Raise it with "ulimit -n 65536" before the start, or with LimitNOFILE= in the unit of systemd.';
  if (limit < leastFiles) return bad(`Only ${limit} files and connections may be open. ${advice}`);
  if (limit < fewFiles) return warn(`${limit} files and connections may be open, which is few for many downloads. ${advice}`);
  return ok(`${limit} files and connections may be open.`);
}

export function checkTemp(folder: string): Finding {
  const { ok, bad } = finding('Temporary files');
  try {
    accessSync(folder, constants.W_OK);
    return ok(`They may be written to ${folder}.`);
  } catch {
    return bad(`${folder} cannot be written to. Make it writable, or name another folder in TMPDIR.`);
  }
}

/** A name that nobody knows is taken for UTC without a word. */
export function checkTimeZone(given: string | undefined): Finding {
  const { ok, warn } = finding('Time zone');
  const used = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (given === undefined || given === '' || isTimeZone(given.replace(/^:/, ''))) {
    return ok(`${used}: timetables and days of statistics follow it.`);
  }
  return warn(`TZ is ${JSON.stringify(given)}, which is no time zone, so ${used} is used. Write it as Europe/Paris.`);
}

function isTimeZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
