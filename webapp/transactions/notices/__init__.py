"""Texts that a cashier pastes: a bank's notice, an SMS, a receipt. They fill the form and prove nothing; pure."""
