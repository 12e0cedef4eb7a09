//! Common given names and surnames of several countries; nobody in particular. Used by `directory.rs`.

pub(crate) const GIVEN: [&str; 40] = [
    "Anna", "Marco", "Sofia", "Liam", "Emma", "Noah", "Giulia", "Lucas", "Mia", "Paul", "Elena", "Jonas",
    "Clara", "Hugo", "Nina", "Oscar", "Laura", "Felix", "Alice", "Peter", "Maria", "Thomas", "Eva", "David",
    "Julia", "Martin", "Sara", "Daniel", "Lena", "Simon", "Irene", "Victor", "Ines", "Adam", "Marta", "Leo",
    "Nadia", "Bruno", "Hanna", "Carlo",
];

pub(crate) const SURNAMES: [&str; 41] = [
    "Rossi", "Smith", "Müller", "Garcia", "Novak", "Martin", "Bianchi", "Jensen", "Kowalski", "Silva",
    "Weber", "Dubois", "Brown", "Ferrari", "Fischer", "Lopez", "Nilsson", "Moreau", "Taylor", "Costa",
    "Wagner", "Greco", "Popescu", "Becker", "Wilson", "Horvat", "Ricci", "Santos", "Larsen", "Bauer",
    "Petit", "Moretti", "Clark", "Virtanen", "Keller", "Gallo", "Fontana", "Lambert", "Walker", "Schmitt",
    "O'Brien",
];

pub(crate) const DEPARTMENTS: [&str; 6] =
    ["Reception", "Sales", "Support", "Administration", "Logistics", "Engineering"];
