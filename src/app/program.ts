/** The commands. Each is imported when it is used, so that a short command starts fast. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { exitCodeOf, exitCodes } from '#cli/exit-codes.ts';
import { FlotillaError } from '#core/errors.ts';
import { version } from '#core/version.ts';
import { parseBytes } from '#lib/format.ts';
import { printable } from '#lib/printable.ts';

/** Runs one command; resolves with the exit code. Data goes to stdout, talk to stderr. */
export async function runProgram(args: string[]): Promise<number> {
  let exitCode: number = exitCodes.ok;
  for (const stream of [process.stdout, process.stderr]) stream.on('error', forgiveReader);
  const program = new Command('flotilla')
    .description('Paste a link. Your machines fetch it together, prove it is right, and put it where you want it.')
    .version(version, '--version')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false });

  const get = program
    .command('get')
    .description('download links in the foreground, without a server; run it again to go on after an interruption')
    .argument('[url...]', 'links; several are several downloads')
    .option('-d, --dir <folder>', 'folder for the files', '.')
    .option('-o, --output <name>', 'name of the file, for a single link')
    .option('-i, --input <list>', 'file with one link per line, - for standard input')
    .option('--files <numbers>', 'which of the files of each link, counted from 0: 0,2-5')
    .addOption(
      new Option('-x, --connections <count>', 'most connections per file; they are added while they help')
        .default(16)
        .argParser(wholeNumber(1, 32)),
    )
    .addOption(new Option('-j, --jobs <count>', 'downloads at the same time').default(8).argParser(wholeNumber(1, 64)))
    .option('--checksum <algorithm=hex>', 'the file must have this digest, for a single link: sha-256=…')
    .addOption(
      new Option('--mirror <url>', 'another link to the same file, for a single link; may be repeated').argParser(collect),
    )
    .addOption(
      new Option('--limit-rate <speed>', 'most bytes per second of all downloads together, such as 5M').argParser(byteCount),
    )
    .addOption(new Option('--limit-host <speed>', 'most bytes per second from each host').argParser(byteCount))
    .addOption(new Option('--limit-each <speed>', 'most bytes per second of each download').argParser(byteCount))
    .addOption(
      new Option('--host-connections <count>', 'most connections to one host, of all downloads together').argParser(
        wholeNumber(1, 256),
      ),
    )
    .addOption(
      new Option('--max-tries <count>', 'tries of a passing fault without a new byte')
        .default(5)
        .argParser(wholeNumber(1, 1000)),
    )
    .addOption(
      new Option('--stall-timeout <seconds>', 'cut a connection that is silent for this long')
        .default(30)
        .argParser(wholeNumber(1, 3600)),
    )
    .option('--scratch <folder>', 'folder for unfinished files, on any disk (default: beside the finished ones)')
    .option('--preallocate', 'take the whole room on the disk before the first byte, instead of bit by bit')
    .addOption(
      new Option('--keep-free <size>', 'room that is left on every disk, such as 2G (default: 64M, at most 1 %)').argParser(
        size,
      ),
    )
    .addOption(
      new Option('--wait-for-space <seconds>', 'how long to wait for room on a full disk; 0 does not wait')
        .default(300)
        .argParser(wholeNumber(0, 31_536_000)),
    )
    .option('--remote-time', 'give the file the time of its last change on the server')
    .option('--if-changed', 'fetch a file that is there already only if the server has another version, and replace it')
    .option('--no-digest', 'compute no SHA-256 when none was promised')
    .option('--json', 'one JSON event per line on standard output')
    .option('-q, --quiet', 'only errors and results');
  for (const flag of ['--method <method>', '--data <text>', '--form <field>']) {
    get.addOption(new Option(flag).hideHelp().argParser(refusePost));
  }
  addRequestFlags(addAskFlags(get)).action(async (urls: string[], options) => {
    const { runGet } = await import('./get/get.ts');
    exitCode = await runGet(urls, options);
  });

  const probe = program
    .command('probe')
    .description('look at a link and tell what it is; downloads nothing')
    .argument('<link>', 'or the path of a .torrent or Metalink file')
    .option('--json', 'the whole resolution as JSON');
  addRequestFlags(addAskFlags(probe)).action(async (link: string, options) => {
    const { runProbe } = await import('./probe.ts');
    exitCode = await runProbe(link, options);
  });

  const serve = program
    .command('serve')
    .description('everything in one process: control plane, API, web page and a worker, on an embedded database')
    .option('--data <folder>', 'database and unfinished files (FLOTILLA_DATA)');
  addLogFlags(addWorkFlags(addServerFlags(serve))).action(async (options) => {
    const { runServe } = await import('./serve.ts');
    exitCode = await runServe(options);
  });

  const server = program
    .command('server')
    .description('control plane, API and web page, for workers on other machines')
    .option('--data <folder>', 'database and key (FLOTILLA_DATA)');
  addLogFlags(addServerFlags(server)).action(async (options) => {
    const { runServer } = await import('./server.ts');
    exitCode = await runServer(options);
  });

  const worker = program
    .command('worker')
    .description('fetch for a server on another machine; copy the command from "Add worker" on its page')
    .option('--join <url>', 'address of the server; the first start needs it (FLOTILLA_JOIN)')
    .option('--key <key>', 'one-time key; the first start needs it (FLOTILLA_KEY)')
    .option('--name <name>', 'what it is called, when it joins (FLOTILLA_NAME, the name of the machine)')
    .option('--labels <labels>', 'what it is good for, when it joins: geo:fr,vpn (FLOTILLA_LABELS)')
    .addOption(new Option('-j, --jobs <count>', 'most downloads at once (FLOTILLA_JOBS, 16)').argParser(wholeNumber(1, 1000)))
    .option('--data <folder>', 'its key, and unfinished files (FLOTILLA_DATA)');
  addLogFlags(addWorkFlags(worker)).action(async (options) => {
    const { runWorker } = await import('./worker.ts');
    exitCode = await runWorker(options);
  });

  const backup = program
    .command('backup')
    .description('write everything that a server knows into one new file, also while it runs')
    .argument('<file>');
  addPlaceFlags(backup).action(async (file: string, options) => {
    const { runBackup } = await import('./backup.ts');
    exitCode = await runBackup(file, options);
  });

  const restore = program.command('restore').description('fill an empty database from a backup').argument('<file>');
  addPlaceFlags(restore).action(async (file: string, options) => {
    const { runRestore } = await import('./backup.ts');
    exitCode = await runRestore(file, options);
  });

  const doctor = program
    .command('doctor')
    .description('look at what a server needs, and say what is wrong; it may run meanwhile, and nothing is changed')
    .option('--downloads <folder>', 'where finished files go (FLOTILLA_DOWNLOADS)')
    .option('--scratch <folder>', 'unfinished files (FLOTILLA_SCRATCH, in the data folder)')
    .option('--secret-key-file <file>', 'key for secrets in the database (FLOTILLA_SECRET_KEY_FILE)')
    .option('--online <url>', 'ask this server too, for names, network and clock')
    .option('--json', 'findings as JSON');
  addPlaceFlags(doctor).action(async (options) => {
    const { runDoctor } = await import('./doctor.ts');
    exitCode = await runDoctor(options);
  });

  program
    .command('copy-store')
    .description('bring everything into another, empty database, while no server runs')
    .requiredOption('--from <place>', 'data folder, or link of a PostgreSQL database')
    .requiredOption('--to <place>', 'the same of the other one: postgres://name:password@host/database')
    .action(async (options) => {
      const { runCopyStore } = await import('./backup.ts');
      exitCode = await runCopyStore(options);
    });

  try {
    if (args.length === 0) {
      process.stderr.write(program.helpInformation());
      return exitCodes.usage;
    }
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (!(error instanceof FlotillaError)) throw error;
    process.stderr.write(`flotilla: ${printable(error.message)}\n`);
    return exitCodeOf(error.code);
  }
}

/** Whoever read what we print may go, as `head` does, and what was asked for is done all the same. */
function forgiveReader(error: Error & { code?: string }): void {
  if (error.code !== 'EPIPE') throw error;
}

/** What every server takes. */
function addPlaceFlags(command: Command): Command {
  return addDatabaseFlag(command.option('--data <folder>', 'folder of the embedded database (FLOTILLA_DATA)'));
}

function addDatabaseFlag(command: Command): Command {
  const help = 'PostgreSQL instead of the embedded database: postgres://name:password@host/database (FLOTILLA_DATABASE)';
  return command.option('--database <link>', help);
}

function addServerFlags(command: Command): Command {
  return addDatabaseFlag(command)
    .option('--bus <link>', 'NATS between replicas, instead of PostgreSQL: nats://host:4222 (FLOTILLA_BUS)')
    .addOption(new Option('--port <port>', 'port of page and API (FLOTILLA_PORT, 3568)').argParser(wholeNumber(0, 65535)))
    .option('--host <address>', 'address to listen on (FLOTILLA_HOST, 127.0.0.1)')
    .option('--public-url <url>', 'where people and workers reach this server (FLOTILLA_PUBLIC_URL)')
    .option('--downloads <folder>', 'where finished files go, at the first start (FLOTILLA_DOWNLOADS)')
    .option(
      '--secret-key-file <file>',
      'key for secrets in the database (FLOTILLA_SECRET_KEY_FILE, secret.key in the data folder)',
    )
    .option('--metrics-public', 'show /metrics to everybody (FLOTILLA_METRICS_PUBLIC)')
    .option('--allowed-hosts <names>', 'further names under which people reach this server (FLOTILLA_ALLOWED_HOSTS)')
    .option('--trusted-proxies <ranges>', 'proxies whose X-Forwarded headers count (FLOTILLA_TRUSTED_PROXIES)');
}

/** What everything takes that fetches for a server. */
function addWorkFlags(command: Command): Command {
  return command
    .option('--scratch <folder>', 'unfinished files, on any disk (FLOTILLA_SCRATCH, in the data folder)')
    .option('--preallocate', 'take the whole room of a file before its first byte (FLOTILLA_PREALLOCATE)')
    .option('--keep-free <size>', 'room left on the disk of unfinished files (FLOTILLA_KEEP_FREE, 64M, at most 1 %)')
    .option('--source <kind.name=value>', 'what a source is told, such as torrent.port=6881 (FLOTILLA_TORRENT_PORT)', collect)
    .option('--net-allow <ranges>', 'refused address ranges that downloads may reach all the same (FLOTILLA_NET_ALLOW)');
}

/** How everything that runs for long tells about itself, on standard error. */
function addLogFlags(command: Command): Command {
  return command
    .option('--log-level <level>', 'trace, debug, info, warn, error or fatal (FLOTILLA_LOG_LEVEL, info)')
    .option('--log-format <format>', 'json or text (FLOTILLA_LOG_FORMAT, text on a terminal, else json)');
}

/** What sources are asked for. */
function addAskFlags(command: Command): Command {
  return command
    .option('--as <kind>', 'what the link is, when it is not to be found out: http, torrent, media …')
    .option('--set <name=value>', 'what the source is asked for, such as quality=1080p (repeatable)', collect)
    .option('--source <kind.name=value>', 'what a source is told of this machine, such as torrent.port=6881', collect);
}

/** How links are asked for: the same for every command that asks. */
function addRequestFlags(command: Command): Command {
  return command
    .option('-H, --header <header>', "another header, for the link's own origin only: 'Name: value' (repeatable)", collect)
    .option('--user-agent <text>', 'who to say that we are')
    .option('--referer <link>', 'the page that the link was found on')
    .option('--cookies <file>', 'Netscape cookie file; each cookie goes only where it belongs')
    .option('--user <name:password>', "login at the link's own origin: Basic, or Digest when the server asks for it")
    .option('--bearer <token>', "token for the link's own origin")
    .option('--proxy <link>', 'http://…, https://… or socks5://…, with name:password@ when it needs a login')
    .option(
      '--proxy-for <host=proxy>',
      'the proxy for a host, *.host or *, unless --proxy is given; direct is none (repeatable)',
      collect,
    )
    .option('--interface <address>', 'own address that connections start from')
    .option('-4, --ipv4', 'only IPv4 addresses')
    .option('-6, --ipv6', 'only IPv6 addresses')
    .option('--ca <file>', "authorities to trust besides the system's (PEM)")
    .option('--cert <file>', "certificate that we show to the link's own origin (PEM)")
    .option('--key <file>', 'private key of that certificate (PEM)')
    .option('--ssh-key <file>', "private key for the link's own SSH server; the password in --user opens a locked one");
}

/** People know these flags from other programs: they are told what to do instead. */
function refusePost(): never {
  throw new InvalidArgumentError(
    'Flotilla only sends GET, because sending a form again after a fault may order or change something twice. Open the page in a browser and copy the final link.',
  );
}

function collect(text: string, earlier: string[] = []): string[] {
  return [...earlier, text];
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return number;
  };
}

function size(text: string): number {
  const sizeBytes = parseBytes(text);
  if (sizeBytes === null) throw new InvalidArgumentError('It must be a size, such as 800K, 5M or 1.5G.');
  return sizeBytes;
}

function byteCount(text: string): number {
  const sizeBytes = parseBytes(text);
  if (sizeBytes === null || sizeBytes < 1024)
    throw new InvalidArgumentError('It must be a speed of at least 1K, such as 800K, 5M or 1.5G.');
  return sizeBytes;
}
