package awstest

// Secrets is AWS Secrets Manager, as far as current versions are concerned.
type Secrets struct {
	Service
	secrets map[string]secretValue
	denied  map[string]bool
}

// secretValue is a secret's current version: a text, or bytes.
type secretValue struct {
	Text   string `json:"SecretString,omitzero"`
	Binary []byte `json:"SecretBinary,omitempty"`
}

func newSecrets() *Secrets {
	s := &Secrets{secrets: make(map[string]secretValue), denied: make(map[string]bool)}
	s.scope = "secretsmanager"
	s.operations = map[string]operation{
		"GetSecretValue": typed(&s.Service, s.getValue),
		"CreateSecret":   typed(&s.Service, s.create),
		"PutSecretValue": typed(&s.Service, s.putValue),
	}
	return s
}

func (s *Secrets) Put(name, text string) { s.store(name, secretValue{Text: text}) }

func (s *Secrets) PutBinary(name string, binary []byte) { s.store(name, secretValue{Binary: binary}) }

func (s *Secrets) store(name string, value secretValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[name] = value
}

// Text returns a secret's text, "" if there is no such secret.
func (s *Secrets) Text(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secrets[name].Text
}

func (s *Secrets) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, name)
}

// Deny makes calls about a secret fail for want of rights, or allows them again.
func (s *Secrets) Deny(name string, denied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[name] = denied
}

type secretInput struct {
	ID   string `json:"SecretId"`
	Name string `json:"Name"`
	secretValue
}

func (s *Secrets) getValue(in *secretInput) (any, error) {
	return s.find(in.ID)
}

func (s *Secrets) create(in *secretInput) (any, error) {
	switch _, err := s.find(in.Name); {
	case err == nil:
		return nil, refuse("ResourceExistsException", "the secret exists")
	case s.denied[in.Name]:
		return nil, err
	}
	s.secrets[in.Name] = in.secretValue
	return struct{}{}, nil
}

func (s *Secrets) putValue(in *secretInput) (any, error) {
	if _, err := s.find(in.ID); err != nil {
		return nil, err
	}
	s.secrets[in.ID] = in.secretValue
	return struct{}{}, nil
}

// find returns a secret by its name; s.mu is held. What may not be seen is denied before it is looked for.
func (s *Secrets) find(name string) (secretValue, error) {
	if s.denied[name] {
		return secretValue{}, refuse("AccessDeniedException", "not authorized to perform this action on "+name)
	}
	value, ok := s.secrets[name]
	if !ok {
		return secretValue{}, refuse("ResourceNotFoundException", "no secret "+name)
	}
	return value, nil
}
