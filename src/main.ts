import { version } from '#core/version.ts';

const args = process.argv.slice(2);
// Scripts ask for it often, and reading what every command takes would double the time.
if (args.join(' ') === '--version') process.stdout.write(`${version}\n`);
else {
  const { runProgram } = await import('#app/program.ts');
  process.exitCode = await runProgram(args);
}
