/** A field that shows what is so, but leaves alone what is being typed into it. */
import React from 'react';

interface Draft {
  value: string;
  onChange: (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => void;
  onBlur: () => void;
}

/** Props of an input whose text is `shown` until somebody types; `commit` hears of each change. */
export function useDraft(shown: string, commit: (text: string) => void): Draft {
  const [draft, setDraft] = React.useState<string | null>(null);
  return {
    value: draft ?? shown,
    onChange: event => {
      setDraft(event.target.value);
      commit(event.target.value);
    },
    onBlur: () => setDraft(null)
  };
}
