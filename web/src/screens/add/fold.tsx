import { ChevronDown } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';

/** A part that most people never need, behind a button. Closed, it keeps what was typed. */
export function Fold({ title, children }: { title: string; children: ReactNode }) {
  const id = useId();
  const [isOpen, setIsOpen] = useState(false);
  return (
    <div>
      <button
        type="button"
        className="button quiet -ms-3"
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setIsOpen(!isOpen)}
      >
        <ChevronDown size={16} className={isOpen ? '' : '-rotate-90'} aria-hidden="true" />
        {title}
      </button>
      <div id={id} hidden={!isOpen} className="pt-2">
        {children}
      </div>
    </div>
  );
}
