import { Eye, EyeOff } from 'lucide-react';
import { type ComponentProps, useState } from 'react';
import { useT } from '../words/words.ts';

/** A password that can be looked at: typing it twice is a worse way to find a typing error. */
export function PasswordInput({ className, ...props }: ComponentProps<'input'>) {
  const t = useT();
  const [isShown, setIsShown] = useState(false);
  const Icon = isShown ? EyeOff : Eye;
  return (
    <div className="relative">
      <input {...props} className={`${className} pe-12`} type={isShown ? 'text' : 'password'} spellCheck={false} />
      <button
        type="button"
        className="absolute inset-y-0 end-0 flex w-11 items-center justify-center"
        aria-label={t('password.show')}
        aria-pressed={isShown}
        onClick={() => setIsShown(!isShown)}
      >
        <Icon size={18} aria-hidden="true" />
      </button>
    </div>
  );
}
