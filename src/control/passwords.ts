import { AccessError } from '#core/access.ts';

const minLength = 10;

/** The commonest ones of public lists that are long enough to pass; shorter ones fail by their length. */
const commonest = new Set(
  `0123456789 0987654321 1111111111 1122334455 1212121212 1231231231 12345678910 1234567890 1234567891 123456789a 123456789q
  1234554321 1234512345 147258369 1472583690 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc 3rjs1la7qe 9876543210 987654321a
  abc123456789 abcd123456 abcd12345678 abcdefghij abcdefghijk abcdef123456 access1234 adminadmin admin12345 admin123456
  administrator asdf123456 asdfasdfasdf asdfghjkl1 asdfghjkl123 asdfghjkl; baseball123 basketball bluebird123 butterfly1 carolina123
  changeme123 changemenow charlie123 chocolate1 computer123 corvette12 default123 dragon12345 elizabeth1 flotilla123 football123
  fuckyou123 helloworld hello12345 iloveyou12 iloveyou123 iloveyou1234 jordan12345 leavemealone letmein123 letmein1234 liverpool1
  liverpool123 lovelovelove manchester michael123 michelle12 minecraft1 monkey12345 motherfucker mypassword mypassword1 p@ssw0rd123
  p@ssword123 passw0rd12 passw0rd123 password01 password10 password11 password12 password123 password1234 password12345 password123456
  password1! password123! passwordpassword passwort123 pa55word123 princess123 q1w2e3r4t5 q1w2e3r4t5y6 qazwsx1234 qazwsxedc1
  qazwsxedcrfv qwer123456 qwerasdfzxcv qwert12345 qwertasdfg qwerty1234 qwerty12345 qwerty123456 qwertyqwerty qwertyuiop
  qwertyuiop1 qwertyuiop123 qwertyuiop[] raspberry1 realmadrid samsung123 secret1234 starwars123 sunshine12 sunshine123 superman123
  synology123 test123456 testtest123 testtesttest trustno1234 unbelievable university vancouver1 volkswagen welcome123 welcome1234
  whatever123 zaq12wsxcde zxcvbnm123 zxcvbnm1234 zxcvbnm,./ zxcvbnmasdf`.split(/\s+/),
);

/** Throws `password_weak` with a sentence for the person who chose it. */
export function checkPassword(password: string, userName: string): void {
  const plain = password.normalize('NFC').toLowerCase();
  if ([...plain].length < minLength) {
    throw new AccessError(
      'password_weak',
      `A password needs at least ${minLength} characters. A short sentence is a good one.`,
    );
  }
  const isGuessed = commonest.has(plain) || new Set(plain).size < 4 || isRun(plain);
  if (isGuessed || plain.replaceAll(userName.toLowerCase(), '').length < 4) {
    throw new AccessError(
      'password_weak',
      'This password is among the first that are guessed. A short sentence is a good one.',
    );
  }
}

/** Each character is the one after the last, up or down: 23456789:; or zyxwvutsrq. */
function isRun(text: string): boolean {
  const steps = new Set<number>();
  for (let index = 1; index < text.length; index++) steps.add(text.charCodeAt(index) - text.charCodeAt(index - 1));
  return steps.size === 1;
}
