import type { SetGroup, SetPart } from "./character-set.ts";

/** Pairs of first and last characters: `09AZ`. */
function ranges(pairs: string): SetPart[] {
  const points = [...pairs].map((character) => character.codePointAt(0) ?? 0);
  return points.flatMap((from, index) => (index % 2 === 0 ? [{ from, to: points[index + 1] ?? from }] : []));
}

const PERL: Readonly<Record<string, readonly SetPart[]>> = {
  d: ranges("09"),
  s: ranges("\t\n\f\r  "),
  w: ranges("09AZ__az"),
};

/** `\d`, `\s`, `\w` are of ASCII alone, and in capitals all but these; undefined for another letter. */
export function perlGroup(letter: string): SetGroup | undefined {
  const parts = ownEntry(PERL, letter.toLowerCase());
  return parts === undefined ? undefined : { parts, negated: letter !== letter.toLowerCase() };
}

const POSIX: Readonly<Record<string, readonly SetPart[]>> = {
  alnum: ranges("09AZaz"),
  alpha: ranges("AZaz"),
  ascii: ranges("\x00\x7f"),
  blank: ranges("\t\t  "),
  cntrl: ranges("\x00\x1f\x7f\x7f"),
  digit: ranges("09"),
  graph: ranges("!~"),
  lower: ranges("az"),
  print: ranges(" ~"),
  punct: ranges("!/:@[`{~"),
  space: ranges("\t\r  "),
  upper: ranges("AZ"),
  word: ranges("09AZ__az"),
  xdigit: ranges("09AFaf"),
};

/** What stands in `[:alpha:]`, `^` for all but these; undefined for a name that is none. */
export function posixGroup(name: string): SetGroup | undefined {
  const negated = name.startsWith("^");
  const parts = ownEntry(POSIX, negated ? name.slice(1) : name);
  return parts === undefined ? undefined : { parts, negated };
}

/** Unicode's general categories, each with the long names that it has. */
const CATEGORIES = `C=Other Cc=Control=cntrl Cf=Format Cn=Unassigned Co=Private_Use Cs=Surrogate L=Letter LC=Cased_Letter
  Ll=Lowercase_Letter Lm=Modifier_Letter Lo=Other_Letter Lt=Titlecase_Letter Lu=Uppercase_Letter M=Mark=Combining_Mark
  Mc=Spacing_Mark Me=Enclosing_Mark Mn=Nonspacing_Mark N=Number Nd=Decimal_Number=digit Nl=Letter_Number No=Other_Number
  P=Punctuation=punct Pc=Connector_Punctuation Pd=Dash_Punctuation Pe=Close_Punctuation Pf=Final_Punctuation
  Pi=Initial_Punctuation Po=Other_Punctuation Ps=Open_Punctuation S=Symbol Sc=Currency_Symbol Sk=Modifier_Symbol
  Sm=Math_Symbol So=Other_Symbol Z=Separator Zl=Line_Separator Zp=Paragraph_Separator Zs=Space_Separator
  Any ASCII Assigned`;

/** Unicode's scripts, as far as Unicode 15, which Go has. */
const SCRIPTS = `Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki
  Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common
  Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan
  Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo
  Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada
  Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu
  Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui
  Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue
  Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian
  Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa
  Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian
  Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu
  Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square`;

const PROPERTIES: ReadonlyMap<string, string> = new Map([
  ...words(SCRIPTS).map((name): [string, string] => [fold(name), `\\p{Script=${name}}`]),
  ...words(CATEGORIES).flatMap((entry) => {
    const [short = "", ...long] = entry.split("=");
    return [short, ...long].map((name): [string, string] => [fold(name), `\\p{${short}}`]);
  }),
]);

/**
 * What stands in `\p{…}`: a general category or a script of Unicode, `^` for all but these. Case, spaces, `_` and `-` of a name do not
 * count, as in Go since 1.25.
 */
export function unicodeGroup(name: string): SetGroup | undefined {
  const negated = name.startsWith("^");
  const source = PROPERTIES.get(fold(negated ? name.slice(1) : name));
  return source === undefined ? undefined : { parts: [{ source }], negated };
}

function fold(name: string): string {
  return name.replace(/[ _-]/g, "").toLowerCase();
}

function words(text: string): string[] {
  return text.split(/\s+/);
}

/** A name from outside may be `constructor`. */
function ownEntry<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
